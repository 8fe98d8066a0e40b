# Models of today's Flux from the tree of a file, through the table.
#
# Nothing is made before everything that is needed is known to be in the table, registered, or given by the caller. A value
# that a file has twice is made once, so that tied weights stay tied.

# Flux and its packages, as the table names them: set by the extension for Flux.
const CONSTRUCTORS = Ref{Any}(nothing)

constructors() = CONSTRUCTORS[] === nothing ?
    throw(UsageError(Symbol("no-flux"), "models are rebuilt with Flux: `using Flux` first (Flux 0.15 or later, Julia 1.10 or later)")) :
    CONSTRUCTORS[]

"""
    rebuild(m; functions = Dict())
    rebuild(m, path; functions = Dict())

The model in the file as a model of today's Flux, whatever version of Flux wrote it. `path` says which, where a file has several
(`rebuild(m, "policy.actor")`). Needs Flux to be loaded (`using Flux`).

Layers and functions are those of a closed table: no name of the file is looked up or evaluated, and nothing of the file is run.
Weights keep the file's numbers and eltype, and what was tied stays tied. Where Flux of today computes something
else than the Flux that wrote the file, a warning says what; [`notes`](@ref) has the same.

- Types and functions of your own: [`FluxAirlock.register`](@ref), once per session.
- Closures, by path: `rebuild(m; functions = Dict("model.layers[3]" => Flux.flatten))`.

Throws [`UnknownLayer`](@ref), with what to type, if something is neither in the table nor registered nor given.
"""
function rebuild(m::Model, path::AbstractString; functions = Dict{String,Any}())
    return rebuild(constructors(), m, String(path), functions)
end

function rebuild(m::Model; functions = Dict{String,Any}())
    P = constructors()
    return rebuild(P, m, the_model(m), functions)
end

function rebuild(P, m::Model, path::String, functions)
    work = Work(P, m, given(m, functions), false)
    root = value(m, path)
    blocked = find_blocked(work, root, path)
    isempty(blocked) || throw(unknown_layers(blocked))
    made = make(work, root, path)
    warn_of(work, path)
    return made
end

# The path of the variable that is a model, where that is clear.
function the_model(m::Model, or_arrays = false)
    all = roots(m)
    length(all) == 1 && return first(all).first
    models = [path for (path, value) in all if is_model(value)]
    length(models) == 1 && return only_one(models)
    if isempty(models) && or_arrays
        models = [path for (path, value) in all if holds_arrays(value)]
        length(models) == 1 && return only_one(models)
    end
    names = join((repr(path) for path in (isempty(models) ? first.(all) : models)), ", ")
    throw(UsageError(Symbol("which-model"), "the file holds $(isempty(models) ? "no model by itself" : "$(length(models)) models"). Say which: $names"))
end

only_one(items) = items[1]
is_model(x) = (x isa Struct && groupof(x.kind) === :layer) || (x isa Opaque && x.why === Symbol("unknown-struct"))

# Is it weights without a model: a state, a list of arrays, a `Params`?
function holds_arrays(x, seen = Set{UInt32}())
    x isa Tensor && return x.omitted === nothing
    x isa Struct && return x.kind in (Symbol("Zygote.Params"), Symbol("Tracker.Params"))
    x isa Union{List,TupleOf,NamedTupleOf,Record} && !(x.id in seen) || return false
    push!(seen, x.id)
    return any(child -> holds_arrays(child, seen), children(x))
end

# What one rebuilding knows: what was given for closures, and what is made, by the ids of nodes and the numbers of arrays.
struct Work
    P::Any
    m::Model
    given::Dict{UInt32,Any}
    inert::Bool
    made::Dict{UInt32,Any}
    tensors::Dict{UInt32,Any}
    sizes::Dict{UInt32,Int}
    loses::Vector{Pair{String,String}}
end
Work(P, m, given, inert) =
    Work(P, m, given, inert, Dict{UInt32,Any}(), Dict{UInt32,Any}(), Dict{UInt32,Int}(), Pair{String,String}[])

# What stands for a value that is not made, while weights are copied out of a model: its parts, in the order of the file.
struct Inert
    what::String
    parts::Vector{Any}
end

# The caller's functions by node. A path that leads nowhere, or to something that is no closure, is an error: it would be ignored.
function given(m::Model, functions)
    found = Dict{UInt32,Any}()
    for (path, f) in pairs(functions)
        haskey(m, path) || throw(UsageError(Symbol("no-such-path"), "`functions` has $(repr(path)), and the file has no such value"))
        node = value(m, path)
        node isa Opaque ||
            throw(UsageError(Symbol("not-opaque"), "`functions` has $(repr(path)), which is no closure and no unknown type: it is rebuilt as it is"))
        found[node.id] = f
    end
    return found
end

# ------------------------------------------------------------------------------------------------------------- what is needed

# The values that a value is made of, each with its path, or why it cannot be made.
parts(work, x, path) = Pair{Any,String}[]
parts(work, node::Union{List,TupleOf,ArrayOf}, path) = Pair{Any,String}[item => step(path, i) for (i, item) in enumerate(node.items)]
parts(work, node::Union{NamedTupleOf,Record}, path) =
    Pair{Any,String}[value => step(path, name) for (name, value) in zip(node.names, node.values)]

function parts(work, node::Struct, path)
    row = Table.KIND_ROWS[node.kind]
    row isa Table.Made || return work.inert ? all_parts(node, path) : row.reason
    return Pair{Any,String}[field(node, name) => step(path, String(name)) for name in row.takes]
end

function parts(work, node::Opaque, path)
    haskey(work.given, node.id) && return Pair{Any,String}[]
    if !is_registered(node) && !work.inert
        return string(node.message)
    end
    return all_parts(node, path)
end

function parts(work, t::Tensor, path)
    haskey(ELTYPES, t.eltype) && return Pair{Any,String}[]
    return work.inert ? Pair{Any,String}[] : "an array of $(t.eltype), whose layout is not in the file"
end

all_parts(node::Struct, path) =
    Pair{Any,String}[value => step(path, String(name)) for (name, value) in zip(fieldsof(node.kind), node.fields)]
function all_parts(node::Opaque, path)
    inside = step(path, node.why === :closure ? "captured" : "fields")
    return Pair{Any,String}[value => step(inside, i) for (i, value) in enumerate(node.children)]
end

is_registered(node::Opaque) = node.why in BY_TYPE && registered(node.type) !== nothing

# Everything that keeps this value from being made: a depth-first walk, each node once.
function find_blocked(work, root, path)
    blocked = Tuple{String,Any,String}[]
    seen = Set{UInt32}()
    rest = Pair{Any,String}[root=>path]
    while !isempty(rest)
        x, path = pop!(rest)
        x isa Node || continue
        x.id in seen && continue
        push!(seen, x.id)
        inside = parts(work, x, path)
        inside isa String ? push!(blocked, (path, x, inside)) : append!(rest, Iterators.reverse(inside))
    end
    return blocked
end

function unknown_layers(blocked)
    path, node, reason = blocked[1]
    hint = IOBuffer()
    for (i, (path, node, reason)) in enumerate(Iterators.take(blocked, MOST_HINTS))
        i == 1 ? print(hint, hint_for(path, node)) : print(hint, "\n", path, " is ", describe(node, reason), "\n", hint_for(path, node))
    end
    length(blocked) > MOST_HINTS && print(hint, "\n… and ", length(blocked) - MOST_HINTS, " more: `FluxAirlock.unregistered(m)` lists them")
    return UnknownLayer(path, describe(node, reason), String(take!(hint)))
end

const MOST_HINTS = 20

describe(node::Opaque, reason) = isempty(node.type) ? reason : string(quoted_path(node.type), ": ", reason)
describe(node::Struct, reason) = string("a ", node.kind, ", ", reason)
describe(node, reason) = reason

hint_for(path, node::Opaque) =
    node.why in BY_TYPE ? string("  ", register_line(node)) : string("  rebuild(m; functions = Dict(", repr(path), " => …))")
hint_for(path, node) = "  It can be read by its path, and is not rebuilt."

# ------------------------------------------------------------------------------------------------------------------- making

# Depth is bounded by the limit `depth`, whose default is 256 levels.
make(work, x, path) = x
function make(work, node::Node, path)
    haskey(work.made, node.id) && return work.made[node.id]
    return work.made[node.id] = make_new(work, node, path)
end

function make_parts(work, node, path)
    values = Any[make(work, x, at) for (x, at) in parts(work, node, path)]
    # The type of a tuple, and of most structs, spells out those of its parts, and Julia keeps them within it: what shares others
    # twice over would double level by level.
    size = 1 + sum(Int[type_size(work, x) for (x, _) in parts(work, node, path)])
    size <= MOST_TYPES || throw(UnknownLayer(path, "made of parts that share others so often that its type would name more than $MOST_TYPES others", ""))
    work.sizes[node.id] = size
    return values
end

# How many types the type of a value spells out.
type_size(work, x) = x isa Node ? get(work.sizes, x.id, 1) : 1

const MOST_TYPES = 1 << 16
# Of a vector that has its elements' type for its own.
const MOST_NARROW_TYPES = 1 << 10

# The narrowest eltype that holds them all, as a vector that was written out has, unless that is a long one.
function make_vector(work, node, path)
    values = make_parts(work, node, path)
    work.sizes[node.id] <= MOST_NARROW_TYPES && return identity.(values)
    work.sizes[node.id] = 1
    return values
end

make_new(work, node::SymbolText, path) = Symbol(node.name)
make_new(work, node::TupleOf, path) = Tuple(make_parts(work, node, path))
make_new(work, node::List, path) = make_vector(work, node, path)
make_new(work, node::ArrayOf, path) = reshape(make_vector(work, node, path), Tuple(node.size))
make_new(work, node::Record, path) = Dict{Symbol,Any}(Symbol(name) => x for (name, x) in zip(node.names, make_parts(work, node, path)))

function make_new(work, node::NamedTupleOf, path)
    values = make_parts(work, node, path)
    return guarded(path, "a NamedTuple") do
        named(Symbol.(node.names), values)
    end
end

function make_new(work, t::Tensor, path)
    haskey(ELTYPES, t.eltype) || return Inert("an array of $(t.eltype), whose layout is not in the file", Any[])
    return get!(() -> work.P.array(array(work.m, t)), work.tensors, t.index)
end

function make_new(work, node::KnownFunction, path)
    return guarded(() -> Table.FUNCTION_ROWS[node.name](work.P), path, string(node.name))
end

function make_new(work, node::Struct, path)
    row = Table.KIND_ROWS[node.kind]
    values = make_parts(work, node, path)
    row isa Table.Made || return Inert(describe(node, row.reason), values)
    isempty(row.loses) || push!(work.loses, path => row.loses)
    return guarded(() -> row.make(work.P, values...), path, "a $(node.kind)")
end

function make_new(work, node::Opaque, path)
    haskey(work.given, node.id) && return work.given[node.id]
    values = make_parts(work, node, path)
    is_registered(node) || return Inert(describe(node, node.message), values)
    return Base.invokelatest(registered(node.type), values)
end

# Flux is asked to make it, and may refuse: then the error says which layer of the file it was.
function guarded(make, path, what)
    try
        return make()
    catch cause
        cause isa Union{Table.Unfit,ArgumentError,AssertionError,BoundsError,DimensionMismatch,DomainError,ErrorException,InexactError,
                MethodError,TypeError,UndefVarError} || rethrow()
        text = first_line(sprint(showerror, cause))
        throw(UnknownLayer(path, "$what that Flux of today cannot have: $text", ""))
    end
end

first_line(text) = String(first(split(text, '\n'; limit = 2)))

# Codes of notes after which a model of today answers otherwise than the one that was saved, or is called otherwise.
const DIFFERS = (Symbol("hard-sigma"), Symbol("initial-state"), Symbol("layer-norm-epsilon"), Symbol("recurrent-calls"), Symbol("tracked-statistics"))

function warn_of(work, path)
    said = String[]
    for note in notes(work.m)
        note.code in DIFFERS && within(note.path, path) || continue
        note.code === Symbol("initial-state") && is_zero_state(work.m, note.path) && continue
        push!(said, string(note.path, ": ", note.message))
    end
    append!(said, (string(at, " leaves out ", what) for (at, what) in work.loses))
    isempty(said) || @warn string("The rebuilt model differs from the one that was saved:\n  ", join(said, "\n  "))
    return nothing
end

within(path, root) = startswith(path, root) && (ncodeunits(path) == ncodeunits(root) || path[nextind(path, lastindex(root))] in ('.', '['))

# Was the trained initial state all zeros, as it is in layers of today?
function is_zero_state(m::Model, path)
    return all(("h", "c", "state0")) do name
        at = step(path, name)
        !haskey(m, at) || is_zero(m, value(m, at))
    end
end

is_zero(m, x) = x isa Tensor ? haskey(ELTYPES, x.eltype) && all(iszero, array(m, x)) : x isa TupleOf && all(item -> is_zero(m, item), x.items)
