# How a genuine model is called, and what its answer is compared with. Shared by the run under Flux and the one under the reference.
#
# Each case is two files: `CASE.bson`, which some version of Flux saved, and `CASE.json`, which the same process wrote: with
# `inputs`, what the model was given, and `output`, what it answered (column-major). Files of the same form for any version of Flux do.
module Cases

using FluxAirlock

include("json.jl")

# ------------------------------------------------------------------------------------- what the author of the files had defined

struct Affine2
    W
    b
    name
    n
end
(l::Affine2)(x) = l.W * x .+ l.b

struct Inner
    scale
end
(l::Inner)(x) = l.scale .* x

struct AutoEnc
    encoder
    decoder
    n
end
(l::AutoEnc)(x) = l.decoder(l.encoder(x))

mysquare(x) = x^2

function register()
    FluxAirlock.register(["Main", "Affine2"] => fields -> Affine2(fields...))
    FluxAirlock.register(["Main", "Sub", "Inner"] => fields -> Inner(fields...))
    FluxAirlock.register(["Main", "AutoEnc"] => fields -> AutoEnc(fields...))
    FluxAirlock.register(["Main", "#mysquare"] => _ -> mysquare)
end

# Closures that are not recognised, by case and path: from what they have captured, what they did.
closures(m, case) = Dict{String,Any}(path => CLOSURES[case](node, m) for (path, node) in opaque(m) if node.why === :closure && haskey(CLOSURES, case))
const CLOSURES = Dict{String,Any}(
    "anon_activation" => (_, _) -> (x -> x^2),
    "closure_array" => (node, m) -> (A = FluxAirlock.array(m, node.children[1]); x -> A * x),
)

# The variable that was called, where a file has several models.
const VARIABLES = Dict("gan" => "gen", "vae" => "encoder")
variable(m, case) = get(() -> FluxAirlock.the_model(m), VARIABLES, case)

# ------------------------------------------------------------------------------------------------------------------------ truth

const ELTYPES = Dict(string(T) => T for T in (Bool, Float16, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64))
# Flux 0.9 and before answered with numbers that are tracked.
eltype_of(name) = ELTYPES[replace(name, r"^(Flux\.)?Tracker\.TrackedReal\{(.*)\}$" => s"\2")]
array_of(a) = reshape(convert(Vector{eltype_of(a["eltype"])}, map(number, a["values"])), Int.(a["size"])...)
number(x) = x isa AbstractString ? parse(Float64, x) : x

# Every case under a directory: its name, its files, and its truth.
function cases(root)
    found = NamedTuple{(:name, :group, :file, :truth),Tuple{String,String,String,Any}}[]
    for (dir, _, files) in walkdir(root), file in sort(files)
        endswith(file, ".json") || continue
        name = file[1:end-5]
        bson = joinpath(dir, name * ".bson")
        isfile(bson) || continue
        truth = JSON.parse(read(joinpath(dir, file), String))
        truth isa Dict && get(truth, "format", "") == "array-truth-1" || continue
        push!(found, (name = name, group = basename(dir), file = bson, truth = truth))
    end
    return found
end

is_called(truth) = get(truth, "inputs", nothing) !== nothing && get(truth, "output", nothing) !== nothing

# ------------------------------------------------------------------------------------------------------------------------- call

# Layers of Flux 0.14 and before took one step of a sequence, features × samples (or, from 0.12.7, all steps at once, features ×
# samples × time). Those of today take features × time × samples: the same numbers, with a time of one step, or with the two
# last dimensions changed. Weights, formulas and (zero) initial states being the same, so is the answer.
function call(m, @nospecialize(model), inputs)
    was_recur = any(note -> note.code === Symbol("recurrent-calls"), notes(m))
    y = if !was_recur
        model(inputs...)
    elseif ndims(inputs[1]) == 3
        permutedims(model(permutedims(inputs[1], (1, 3, 2))), (1, 3, 2))
    else
        x = inputs[1]
        y = model(reshape(x, size(x, 1), 1, size(x)[2:end]...))
        reshape(y, size(y, 1), size(y)[3:end]...)
    end
    # Attention gives its scores as well, and a recurrent layer that was asked to its state.
    return y isa Tuple ? y[1] : y
end

# How near the answer has to be. Sums are taken in another order, and exp and tanh by other approximations, from version to
# version: a few units in the last place of each number. LayerNorm: ϵ has entered in four ways since 0.8 (see notes(m)).
tolerance(::Type{Float16}, _) = (rtol = 1e-2, atol = 1e-3)
tolerance(::Type{Float64}, m) = is_normed(m) ? (rtol = 1e-3, atol = 1e-4) : (rtol = 1e-9, atol = 1e-12)
tolerance(::Type, m) = is_normed(m) ? (rtol = 1e-3, atol = 1e-4) : (rtol = 1e-5, atol = 1e-6)
is_normed(m) = any(note -> note.code === Symbol("layer-norm-epsilon"), notes(m))

# How far two answers are apart, where each number counts by itself: at most 1 is near enough.
function distance(y, wanted, m)
    size(y) == size(wanted) || return Inf
    all(isfinite, y) || return Inf
    near = tolerance(eltype(wanted), m)
    return reduce(max, abs.(Float64.(y) .- Float64.(wanted)) ./ (near.atol .+ near.rtol .* abs.(Float64.(wanted))); init = 0.0)
end

end
