# The files that real Flux wrote, against what the objects held in memory.

const GENUINE = vcat((models("accept", flux) for flux in ("flux-0.8.3", "flux-0.11.6", "flux-0.13.17", "flux-0.16.9"))...)

truth(path) = JSON.parse(read(string(splitext(path)[1], ".json"), String))

# How often each array is there, by eltype, size and digest.
function counted(arrays)
    counts = Dict{Tuple{String,Vector{Int},String},Int}()
    for array in arrays
        counts[array] = get(counts, array, 0) + 1
    end
    return counts
end

true_arrays(truth) = counted(
    (array["eltype"], Vector{Int}(array["size"]), array["sha256"]) for
    array in truth["arrays"] if !haskey(array, "same_object_as") && !(0 in array["size"]) && !occursin(".", array["eltype"])
)

eltype_name(::Array{T}) where {T} = replace(string(T), "FluxAirlock." => "")
described(array) = (eltype_name(array), collect(Int, size(array)), bytes2hex(sha256(raw(array))))

# Arrays beside the result are the file's too: where their elements are numbers, they are compared with the others.
function found_arrays(m)
    beside = [FluxAirlock.array(m, a.tensor) for a in omitted(m) if haskey(FluxAirlock.ELTYPES, a.eltype)]
    return counted(described(array) for array in Iterators.flatten((values(arrays(m)), beside)) if sizeof(array) > 0)
end

@testset "the 253 genuine files have the arrays that were in memory" begin
    @test length(GENUINE) == 253
    total = 0
    for path in GENUINE
        m = unverified(path)
        known = truth(path)
        wanted, found = true_arrays(known), found_arrays(m)
        found == wanted || @error "other arrays" path wanted found
        @test found == wanted
        total += sum(Int[count for count in values(found)])
        # By path too, where Flux of today names it as the Flux did that wrote it.
        for array in known["arrays"]
            haskey(m, array["path"]) && FluxAirlock.value(m, array["path"]) isa FluxAirlock.Tensor || continue
            eltype_known = !occursin(".", array["eltype"])
            eltype_known && @test described(m[array["path"]]) == (array["eltype"], array["size"], array["sha256"])
        end
        close(m)
    end
    @test total > 1000
end

@testset "numbers and strings of the genuine files are those that were in memory" begin
    compared = 0
    for path in GENUINE
        m = unverified(path)
        for scalar in truth(path)["scalars"]
            T = get(FluxAirlock.ELTYPES, scalar["type"], scalar["type"] == "String" ? String : nothing)
            # That a layer was in training is dropped, since its mode of use decides.
            T === nothing || endswith(scalar["path"], ".active") || !haskey(m, scalar["path"]) && continue
            (T === nothing || endswith(scalar["path"], ".active")) && continue
            found = m[scalar["path"]]
            found isa T || continue
            wanted = scalar["value"]
            wanted isa String && T !== String && (wanted = T === Char ? first(wanted) : parse(T, wanted))
            @test isequal(found, T === String ? wanted : T(wanted))
            compared += 1
        end
        close(m)
    end
    @test compared > 1000
end
