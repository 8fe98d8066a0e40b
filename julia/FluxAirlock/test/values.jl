# Every sort of value of the corpus: what it is in Julia.

@testset "arrays of the corpus are the bytes that the library's own tests expect" begin
    for file in expected("accept", "made")
        m = unverified(fixture("made", file["name"]))
        held = Dict{String,Any}(path => thrown(() -> m[path]) isa UnusableValue ? nothing : m[path] for path in keys(arrays(m)))
        nameless = String[]
        for array in file["arrays"]
            if isempty(array["path"])
                push!(nameless, array["sha256"])
                continue
            end
            beside = array["omitted"] !== false
            if beside
                @test !haskey(held, array["path"])
            else
                found = pop!(held, array["path"])
                # A Bool that is neither true nor false is none of Julia's.
                if found === nothing
                    @test occursin("Bool", array["eltype"])
                    @test FluxAirlock.value(m, array["path"]).eltype == array["eltype"]
                    continue
                end
                @test size(found) == Tuple(array["size"])
                @test eltype_name(found) == array["eltype"]
                @test bytes2hex(sha256(raw(found))) == array["sha256"]
            end
        end
        @test sort!([bytes2hex(sha256(raw(left))) for left in values(held) if sizeof(left) > 0]) == sort!(nameless)
        @test length(omitted(m)) >= count(array -> array["omitted"] !== false, file["arrays"])
        @test first.(variables(m)) isa Vector{String}
    end
end

@testset "every number of Julia's has its eltype" begin
    m = unverified(fixture("made", "arrays_of_every_number.bson"))
    @test thrown(() -> m["of_bool"]) isa UnusableValue
    found = Set(eltype(m[path]) for path in keys(arrays(m)) if path != "of_bool")
    reals = (Bool, Char, Float16, Float32, Float64, Int8, Int16, Int32, Int64, Int128, UInt8, UInt16, UInt32, UInt64, UInt128)
    for T in (reals..., FluxAirlock.BFloat16)
        @test T in found || T === Bool
    end
    complex = unverified(fixture("made", "arrays_of_every_complex_number.bson"))
    found = Set(eltype(complex[path]) for path in keys(arrays(complex)) if path != "complex_bool")
    for T in (filter(!=(Char), collect(reals))..., FluxAirlock.BFloat16)
        @test Complex{T} in found || T === Bool
    end
end

@testset "the library and the package name the same eltypes" begin
    @test Set(FluxAirlock.tables().eltypes) == Set(keys(FluxAirlock.ELTYPES))
    for (i, name) in enumerate(FluxAirlock.tables().eltypes)
        @test sizeof(FluxAirlock.ELTYPES[name]) == FluxAirlock.airlock_eltype_width(UInt32(i - 1))
    end
end

@testset "a BFloat16 is the upper half of a Float32" begin
    T = FluxAirlock.BFloat16
    for x in (0.0f0, -0.0f0, 1.0f0, -2.5f0, Inf32)
        @test Float32(reinterpret(T, UInt16(reinterpret(UInt32, x) >> 16))) === x
    end
    @test isnan(Float32(reinterpret(T, 0x7fc0)))
end

@testset "what is shared in a file is one node" begin
    m = unverified(fixture("flux-0.16.9", "tied_array.bson"))
    ids = Dict{UInt32,Any}()
    for (_, layer) in layers(m), child in FluxAirlock.children(layer)
        child isa FluxAirlock.Node || continue
        @test get!(ids, child.id, child) === child
    end
    @test length(arrays(m)) == length(unique(t.index for t in values(ids) if t isa FluxAirlock.Tensor))
end

# The bytes of a file with these numbers in the list `x`, as BSON.jl writes one.
function listed(numbers)
    document(content) = [reinterpret(UInt8, [Int32(length(content) + 5)]); content; 0x00]
    element(i, n::Int64) = [0x12; codeunits(string(i - 1)); 0x00; reinterpret(UInt8, [n])]
    element(i, n::Float64) = [0x01; codeunits(string(i - 1)); 0x00; reinterpret(UInt8, [n])]
    list = UInt8[]
    foreach(i -> append!(list, element(i, numbers[i])), eachindex(numbers))
    return document([0x04; codeunits("x"); 0x00; document(list)])
end

@testset "each number of a long list is there" begin
    for numbers in (Any[1:12000...], Any[(1:3000) ./ 7...], Any[1:200; 0.5; 1:500], Any[1:70...])
        m = unverified(listed(numbers))
        x = FluxAirlock.value(m, "x")
        @test length(x.items) == length(numbers) && all(x.items .=== numbers)
        @test last(only(variables(m))) === x && FluxAirlock.value(m, "x[70]") === numbers[70]
    end
end

@testset "values of all sorts" begin
    m = unverified(fixture("made", "values_of_all_sorts.bson"))
    for (name, value) in variables(m)
        @test haskey(m, name) || startswith(name, "var")
    end
    @test_throws KeyError m["nothing.of.that.name"]
    @test get(arrays(m), "nothing.of.that.name", 1) == 1
    @test !haskey(m, "")
end

@testset "an array is a copy of one's own" begin
    m = unverified(fixture("flux-0.16.9", "dense.bson"))
    path, before = first(arrays(m))
    m[path] .= 0
    @test m[path] == before
    close(m)
    @test !iszero(before)
    @test thrown(() -> m[path]) isa UsageError
    @test thrown(() -> arrays(m)) isa UsageError
    @test sprint(show, m) == "FluxAirlock.Model(closed)"
end

@testset "a state has the keys of Flux's own" begin
    m = unverified(fixture("flux-0.16.9", "lenet.bson"))
    state = FluxAirlock.state(m, "model")
    @test keys(state) == (:layers,)
    @test keys(state.layers[1]) == (:σ, :weight, :bias, :stride, :pad, :dilation, :groups)
    @test state.layers[1].σ === ()
    @test state.layers[1].stride === (1, 1)
    @test state.layers[2] === (k = (2, 2), pad = (0, 0, 0, 0), stride = (2, 2))
    @test state.layers[5] === ()
    @test state.layers[8].bias == m["model.layers[8].bias"]
    tied = FluxAirlock.state(unverified(fixture("flux-0.16.9", "tied_array.bson")))
    @test !isempty(tied)
end

@testset "values that double level by level stay small" begin
    for path in (fixture("made", "doubling_references.bson"), joinpath(CORPUS, "regress", "tuples_that_double_over_one_array.bson"))
        m = unverified(path)
        e = thrown(() -> FluxAirlock.state(m))
        @test e === nothing || e isa UnusableValue
    end
end

@testset "a file from which Bools are read has only true and false" begin
    for path in [GENUINE; models("accept", "made")], (name, value) in variables(unverified(path))
        value isa Bool && @test reinterpret(UInt8, value) <= 0x01
    end
end

@testset "each file of the corpus is shown without a control character" begin
    for path in [GENUINE; models("accept", "made"); models("regress")]
        # Some of those that once went wrong are refused.
        e = thrown(() -> unverified(path))
        e === nothing || (@test e isa Union{MalformedFile,LimitExceeded}; continue)
        m = unverified(path)
        for text in (sprint(show, m), sprint(show, MIME("text/plain"), m), sprint(show, MIME("text/plain"), arrays(m)),
                     sprint(show, MIME("text/plain"), FluxAirlock.unregistered(m)))
            @test isvalid(text)
            @test !any(c -> iscntrl(c) && c != '\n', text)
        end
    end
end

@testset "a model is shown as Flux shows it" begin
    text = sprint(show, MIME("text/plain"), unverified(fixture("flux-0.16.9", "lenet.bson")))
    for part in ("Conv((5, 5), 1 => 6, relu),", "# 156 parameters", "Total: 10 arrays, 44_426 parameters", "sandbox   fuel ", "nobody vouches")
        @test occursin(part, text)
    end
    compact = sprint(show, unverified(fixture("flux-0.16.9", "dense.bson")))
    @test startswith(compact, "FluxAirlock.Model(") && !occursin('\n', compact)
end

@testset "a report is JSON and says what the model says" begin
    m = unverified(fixture("flux-0.16.9", "lenet.bson"))
    report = JSON.parse(FluxAirlock.report(m))
    @test report == JSON.parse(FluxAirlock.report(m; indented = true))
    @test report["schema"] == "airlock.report/1"
    @test [tensor["path"] for tensor in report["tensors"]] == keys(arrays(m))
    @test [tensor["sha256"] for tensor in report["tensors"]] == [bytes2hex(sha256(raw(a))) for a in values(arrays(m))]
    @test JSON.parse(FluxAirlock.inspect(joinpath(CORPUS, "reject", "array_data_missing.bson")))["verdict"] == "refused"
    dense = fixture("flux-0.16.9", "dense.bson")
    bytes = read(dense)
    for described in (FluxAirlock.inspect(bytes; name = "mine"), open(io -> FluxAirlock.inspect(io; name = "mine"), dense))
        told = JSON.parse(described)
        @test told["file"]["path"] == "mine" && told["file"]["bytes"] == length(bytes)
    end
    @test JSON.parse(FluxAirlock.inspect(UInt8[]))["verdict"] == "refused"
    @test written_by(m).flux !== nothing
    for (name, version) in pairs(written_by(m))
        @test report["written_by"][String(name)] == version
    end
end
