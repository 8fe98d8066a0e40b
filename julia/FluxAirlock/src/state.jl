# The state of a model, in the form that `Flux.state` gives it and `Flux.loadmodel!` takes it.

"""
    FluxAirlock.state(m)
    FluxAirlock.state(m, path)

The arrays, numbers, `nothing`s, strings and symbols of a value, as `Flux.state` of today gives them: a `NamedTuple` for a layer, with the names of its
fields, a tuple for a tuple, a vector for a vector, and `()` for a function. Without a path: a `Dict` of the variables by their names.

An array that is shared is one array in the result. A type of your own has no names of fields in a file, and its state is a tuple of them.

# Examples
```jldoctest; setup = :(using FluxAirlock; fixture(name) = joinpath(pkgdir(FluxAirlock), "..", "..", "tests", "corpus", "accept", name))
julia> m = load(fixture("flux-0.16.9/chain_named.bson"); unverified = true);

julia> keys(FluxAirlock.state(m, "m").layers.encoder)
(:weight, :bias, :σ)
```
"""
function state(m::Model)
    made = Dict{UInt32,Any}()
    return Dict{String,Any}(name => state_of(m, value, made) for (name, value) in variables(m))
end

state(m::Model, path::AbstractString) = state_of(m, value(m, path), Dict{UInt32,Any}())

# Depth is bounded by the limit `depth`, whose default is 256 levels.
function state_of(m, node::Node, made)
    haskey(made, node.id) && return made[node.id]
    return made[node.id] = state_of_node(m, node, made)
end

state_of(_, leaf, _) = leaf

state_of_node(m, node::Tensor, _) = array(m, node)
state_of_node(_, ::KnownFunction, _) = ()
state_of_node(_, node::SymbolText, _) = Symbol(node.name)
state_of_node(m, node::TupleOf, made) = tuple_of(Any[state_of(m, item, made) for item in node.items])
state_of_node(m, node::List, made) = Any[state_of(m, item, made) for item in node.items]
state_of_node(m, node::ArrayOf, made) = reshape(Any[state_of(m, item, made) for item in node.items], Tuple(node.size))
state_of_node(m, node::NamedTupleOf, made) = named(Symbol.(node.names), Any[state_of(m, value, made) for value in node.values])
state_of_node(m, node::Opaque, made) = tuple_of(Any[state_of(m, child, made) for child in node.children])

function state_of_node(m, node::Record, made)
    return Dict{Symbol,Any}(Symbol(name) => state_of(m, value, made) for (name, value) in zip(node.names, node.values))
end

function state_of_node(m, node::Struct, made)
    node.kind in STATELESS && return ()
    node.kind === Symbol("Base.Dict") && return state_of_dict(m, node, made)
    names = get(STATE_FIELDS, node.kind, fieldsof(node.kind))
    isempty(names) && return ()
    return named(names, Any[state_of(m, field(node, name), made) for name in names])
end

function state_of_dict(m, node, made)
    ids = (field(node, :keys), field(node, :values))
    keys, values = map(part -> elements(m, part, made), ids)
    return Dict{Any,Any}(zip(keys, values))
end

# The elements of a vector, whichever way a file has it.
elements(m, node::Union{List,TupleOf}, made) = Any[state_of(m, item, made) for item in node.items]
elements(m, node, made) = vec(collect(Any, state_of(m, node, made)))

named(names, values) = NamedTuple{Tuple(names)}(tuple_of(values))

# Julia keeps tuples in the tuples around them, so that tuples that share others twice over would double level by level.
function tuple_of(values)
    bytes = sum(Int[inline_bytes(value) for value in values])
    bytes <= MOST_TUPLE_BYTES || throw(UnusableValue("", "tuples in it share others so often that they would take more than $MOST_TUPLE_BYTES bytes"))
    return Tuple(values)
end

inline_bytes(value::Union{Tuple,NamedTuple}) = max(sizeof(value), sizeof(Int))
inline_bytes(_) = sizeof(Int)

const MOST_TUPLE_BYTES = 1 << 20

# Kinds whose state in Flux 0.16 is not a value for each of their fields.
const STATE_FIELDS = Dict{Symbol,Vector{Symbol}}(
    :RNN => [:cell],
    :LSTM => [:cell],
    :GRU => [:cell],
    :GRUv3 => [:cell],
    :Recurrence => [:cell],
)
const STATELESS = (:GlobalMaxPool, :GlobalMeanPool, :Upsample, Symbol("Base.Colon"), Symbol("Random.TaskLocalRNG"))

"""
    FluxAirlock.save_state(out, m; force = false)

Writes [`FluxAirlock.state`](@ref)`(m)` to a JLD2 file, each variable under its name, so that `JLD2.load(out, "model")` gives what `Flux.loadmodel!` takes. Needs
JLD2 to be loaded (`using JLD2`) on Julia 1.9 or later.
"""
function save_state end

