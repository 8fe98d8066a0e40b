# A model that was opened, and what is asked of it.

"""
    FluxAirlock.Model

A model that was opened by [`load`](@ref): plain arrays, and a description of everything else.

- `m["model.layers[1].weight"]`: the value at a path; an array is a fresh copy, which is yours.
- [`arrays`](@ref)`(m)`, [`variables`](@ref)`(m)`, [`layers`](@ref)`(m)`, [`state`](@ref)`(m)`: what is in it.
- [`opaque`](@ref)`(m)`, [`omitted`](@ref)`(m)`, [`notes`](@ref)`(m)`: what is not, and why.
- [`rebuild`](@ref)`(m)` and `Flux.loadmodel!(mine, m)`: a model of today's Flux.
- `close(m)` gives its memory back at once; otherwise the garbage collector does.
"""
mutable struct Model
    handle::Handle
    about::NamedTuple
    tree::Union{Nothing,Vector{Any}}
    tensors::Union{Nothing,Vector{Tensor}}

    function Model(handle::Handle)
        about = reading(about_model, airlock_model_info_read, ModelInfo, handle, "")
        model = new(handle, about, nothing, nothing)
        hold(handle, about.bytes + 64about.nodes)
        return model
    end
end

function about_model(info::ModelInfo)
    sandbox = (
        fuel_used = info.fuel_used,
        fuel_limit = info.fuel_limit,
        memory_bytes = info.memory_bytes,
        wall_us = info.wall_us,
        guest_sha256 = text_or_empty(info.guest_sha256),
    )
    return (
        path = text(info.file_path),
        bytes = Int(info.file_bytes),
        sha256 = text_or_empty(info.file_sha256),
        flux = text(info.written_by_flux),
        julia = text(info.written_by_julia),
        bson_jl = text(info.written_by_bson_jl),
        sandbox = sandbox,
        nodes = Int(info.nodes),
    )
end

file(m::Model) = m.about.path === nothing ? "" : m.about.path

"""
    close(m::Model)

Gives the memory of the model back. What was copied out of it stays; `m` itself cannot be used any more.
"""
function Base.close(m::Model)
    release(m.handle)
    m.tree, m.tensors = nothing, nothing
    return nothing
end

Base.isopen(m::Model) = m.handle.number != 0

"""
    load(path; pin, lock, signature, public_key, registry, root, policy, types, unverified = false, limits...) -> Model
    load(bytes::Vector{UInt8}; name = "", …) -> Model
    load(io::IO; name = "", …) -> Model

Opens a Flux model that BSON.jl saved, without evaluating anything it names. Neither the Flux nor the packages nor the Julia that
wrote it are needed, and none of its bytes is executed, resolved or constructed: it is verified, decoded in a WebAssembly sandbox,
and checked.

Say why these bytes may be opened; all that is given must hold:

- `pin`: the digest you were given, `"sha256:…"` or `"sha512:…"`, or several of them;
- `lock`: the path of a lock file (`airlock.lock`) that you keep apart from the model, or several;
- `signature`: the path of a signature (OpenSSF Model Signing, or minisign), or several, made by `public_key`: the path of one for all,
  or of one for each. In its place, `certificate_root` is the path of certificates to one of which that of the signer must lead.
  A signature over a folder is about the one it lies in, or about `signed_folder`;
- `registry`: a folder or an `https://` URL, whose first metadata you have from elsewhere at the path `root`. It lists the model under
  `name`, or under the file's own. What was seen of it is kept in the folder `cache`; `offline = true` asks nobody;
- `unverified = true`: nobody vouches for them.

`policy` is the path of a file that says what may be opened at all; without it, that of the user holds, or else that of the system, as
for the command `airlock`, and every `airlock.toml` in the working folder and above it can forbid more (`docs/policy.md`). `types` is
the path of a description of the author's own structs, which have no names of fields in a file (`docs/types.md`).

Limits are granted by name: `depth`, `elements`, `file_bytes`, `fuel`, `memory_bytes`, `name_bytes`, `names_bytes`, `nodes`, `path_bytes`, `tensors`,
`answer_bytes`. The defaults admit every model that is known to us.

Models can be opened on several threads at once. A collection of Julia's waits for a load on another thread to end.

Throws [`NotVerified`](@ref), [`MalformedFile`](@ref), [`LimitExceeded`](@ref), [`InputError`](@ref), [`UsageError`](@ref) or [`EngineError`](@ref).

# Examples
```jldoctest; setup = :(using FluxAirlock; fixture(name) = joinpath(pkgdir(FluxAirlock), "..", "..", "tests", "corpus", "accept", name))
julia> m = load(fixture("flux-0.16.9/chain_named.bson"); unverified = true);

julia> size(m["m.layers.encoder.weight"])
(2, 4)
```
"""
function load(path::AbstractString; options...)
    return Model(open_path(String(path), new_options(split_options(options))))
end

function load(bytes::AbstractVector{UInt8}; name::AbstractString = "", options...)
    return Model(open_bytes(String(name), convert_bytes(bytes), new_options(split_options(options))))
end

load(io::IO; options...) = load(read(io); options...)

convert_bytes(bytes::Vector{UInt8}) = bytes
convert_bytes(bytes) = Vector{UInt8}(bytes)

# What the library calls the kinds of evidence, and how many there may be of each.
const EVIDENCE = Dict(
    :cache => "cache",
    :certificate_root => "certificate-root",
    :name => "name",
    :lock => "lock",
    :pin => "pin",
    :public_key => "public-key",
    :registry => "registry",
    :root => "root",
    :signature => "signature",
    :signed_folder => "signed-folder",
)
const MANY = (:lock, :pin, :public_key, :signature)
# Kinds that are there or not.
const FLAGS = (:offline, :unverified)

# Limits and evidence, as pairs for the library, and the paths of a policy and of a description of types.
function split_options(options)
    # None of a path is the empty text, which the caller cannot give.
    evidence, limits, paths = Pair{String,String}[], Pair{Symbol,Any}[], Dict(:policy => "", :types => "")
    for (name, value) in options
        if name in MANY
            for one_of_them in several(name, value)
                push!(evidence, EVIDENCE[name] => one_of_them)
            end
        elseif haskey(EVIDENCE, name)
            value === nothing || push!(evidence, EVIDENCE[name] => only_text(name, value))
        elseif name in FLAGS
            value isa Bool || throw(ArgumentError("`$name` is true or false, not $(repr(value))"))
            value && push!(evidence, String(name) => "")
        elseif haskey(paths, name)
            value == "" && throw(ArgumentError("`$name` is the path of a file, or `nothing`, and not empty"))
            value === nothing || (paths[name] = only_text(name, value))
        else
            push!(limits, name => value)
        end
    end
    return limits, evidence, paths[:policy], paths[:types]
end

several(_, ::Nothing) = String[]
several(_, value::AbstractString) = [String(value)]
several(name, values::Union{AbstractVector,Tuple}) = String[only_text(name, value) for value in values]
several(name, value) = only_text(name, value)
only_text(_, value::AbstractString) = String(value)
only_text(name, value) = throw(ArgumentError("`$name` is a text or several, not $(repr(value))"))

"""
    FluxAirlock.inspect(path; options...) -> String
    FluxAirlock.inspect(bytes::Vector{UInt8}; name = "", …) -> String
    FluxAirlock.inspect(io::IO; name = "", …) -> String

The report about a file, whatever it is, as JSON. It needs no evidence and hands out no weights; a file that is refused is described as
such. What is given as evidence must hold. Options are those of [`load`](@ref).
"""
function inspect(path::AbstractString; options...)
    return inspect_path(String(path), new_options(split_options(options)))
end

function inspect(bytes::AbstractVector{UInt8}; name::AbstractString = "", options...)
    return inspect_bytes(String(name), convert_bytes(bytes), new_options(split_options(options)))
end

inspect(io::IO; options...) = inspect(read(io); options...)

"""
    FluxAirlock.only(m, variable) -> Model

The model as if its file had no other variable than this one.
"""
only(m::Model, variable::AbstractString) = Model(model_only(m.handle, String(variable), file(m)))

# The tree: every node once, made when it is first asked for.

const TREES = ReentrantLock()

# The values of these ids, in order.
function nodes(m::Model, ids)
    isopen(m) || throw(UsageError(:closed, "this model was closed"))
    return lock(TREES) do
        m.tree === nothing && (m.tree = Vector{Any}(undef, m.about.nodes))
        grow!(m, m.tree, ids)
        Any[m.tree[id+1] for id in ids]
    end
end

node(m::Model, id::UInt32) = Base.only(nodes(m, (id,)))

# Makes what is not there of these values and of what they are made of, which has smaller ids and is made first.
function grow!(m::Model, tree::Vector{Any}, ids)
    path, known = file(m), tables()
    found = Dict{UInt32,Tuple{NodeInfo,Vector{UInt32},Vector{String}}}()
    rest = UInt32[id for id in ids if !isassigned(tree, id + 1)]
    GC.@preserve m while !isempty(rest)
        id = pop!(rest)
        haskey(found, id) && continue
        info = reading(identity, airlock_node_read, NodeInfo, m.handle, path, id)
        children, names = UInt32[], String[]
        if info.children > 0
            named = info.form == FORM_NAMED_TUPLE || info.form == FORM_RECORD
            each(airlock_node_children, ChildInfo, m.handle, path, id) do child
                child.node.id < id || throw(EngineError(Symbol("answer-cycle"), "a value comes before what it is made of", path))
                named && push!(names, text_or_empty(child.name))
                push!(children, child.node.id)
                isassigned(tree, child.node.id + 1) || push!(rest, child.node.id)
            end
        end
        found[id] = (info, children, names)
    end
    tensors = any(entry -> entry[1].form == FORM_TENSOR, values(found)) ? all_tensors(m) : Tensor[]
    GC.@preserve m for id in sort!(collect(keys(found)))
        info, children, names = found[id]
        tree[id+1] = made(m, known, info, Any[tree[child+1] for child in children], names, tensors)
    end
    return nothing
end

# Every array of the file, by its number; read once.
function all_tensors(m::Model)
    isopen(m) || throw(UsageError(:closed, "this model was closed"))
    return lock(TREES) do
        m.tensors === nothing && (m.tensors = each(tensor_of, airlock_model_arrays, ArrayInfo, m.handle, file(m)))
        m.tensors
    end
end

function tensor_of(info::ArrayInfo)
    size = Int[unsafe_load(info.size, i) for i in 1:info.ndims]
    return Tensor(info.node, info.number, text_or_empty(info.eltype_name), size, text_or_empty(info.path), text(info.omitted))
end

function made(m::Model, known::Tables, info::NodeInfo, items, names, tensors)
    id, form, path = info.id, info.form, file(m)
    form == FORM_STRUCT && return Struct(id, known.kinds[info.number+1], items)
    form == FORM_NUMBER && return number(info, known)
    form == FORM_TENSOR && return with_id(tensors[info.number+1], id)
    form == FORM_FUNCTION && return KnownFunction(id, known.functions[info.number+1])
    form == FORM_NOTHING && return nothing
    form == FORM_STRING && return text_or_empty(info.text)
    form == FORM_SYMBOL && return SymbolText(id, text_or_empty(info.text))
    form == FORM_LIST && return List(id, items)
    form == FORM_TUPLE && return TupleOf(id, items)
    form == FORM_NAMED_TUPLE && return NamedTupleOf(id, names, items)
    form == FORM_RECORD && return Record(id, names, items)
    form == FORM_ARRAY && return ArrayOf(id, each(Int, airlock_node_size, UInt64, m.handle, path, id), items)
    if form == FORM_OPAQUE
        type = each(text_or_empty, airlock_node_type, Text, m.handle, path, id)
        return Opaque(id, known.whys[info.number+1], type, items, node_text(m.handle, id, NODE_TEXT_MESSAGE, path))
    end
    throw(EngineError(Symbol("answer-form"), "a value of form $form, which this package does not know", path))
end

with_id(t::Tensor, id) = t.id == id ? t : Tensor(id, t.index, t.eltype, t.size, t.path, t.omitted)

# A number as Julia's own, from its bytes.
function number(info::NodeInfo, known::Tables)
    T = ELTYPES[known.eltypes[info.eltype+1]]
    if T === Bool || T === Complex{Bool}
        bytes = info.bits[1:sizeof(T)]
        any(byte -> byte > 0x01, bytes) &&
            return Opaque(info.id, Symbol("bool-value"), String[], Any[], "a Bool that is neither true nor false")
        return T === Bool ? bytes[1] == 0x01 : Complex(bytes[1] == 0x01, bytes[2] == 0x01)
    end
    bits = Ref(info.bits)
    return GC.@preserve bits unsafe_load(Ptr{T}(pointer_from_objref(bits)))
end

"""
    variables(m) -> Vector{Pair{String,Any}}

The saved variables in the order of the file, each with its value: a number, a string, `nothing`, or a [`FluxAirlock.Node`](@ref). A file
that is one value has it under `"root"`.
"""
variables(m::Model) = listed(v -> (something(text(v.name), "root"), v.node), m)

# The same with the path of each, which differs from its name where that is no identifier.
roots(m::Model) = listed(v -> (text_or_empty(v.path), v.node), m)

function listed(named, m::Model)
    isopen(m) || throw(UsageError(:closed, "this model was closed"))
    found = each(named, airlock_model_variables, VariableInfo, m.handle, file(m))
    return Pair{String,Any}[name => value for ((name, _), value) in zip(found, nodes(m, last.(found)))]
end

"""
    FluxAirlock.value(m, path)

The value at a path, by whichever of its paths, as it is in the tree: an array is a [`FluxAirlock.Tensor`](@ref) and not its numbers.
"""
function value(m::Model, path::AbstractString)
    isopen(m) || throw(UsageError(:closed, "this model was closed"))
    id = node_find(m.handle, String(path))
    id === nothing && throw(KeyError(path))
    return node(m, id)
end

"""
    FluxAirlock.path(m, node) -> String

The first path of a node.
"""
path(m::Model, node::Node) = node_text(m.handle, node.id, NODE_TEXT_PATH, file(m))

"""
    FluxAirlock.step(path, name)
    FluxAirlock.step(path, place::Integer)

The path of a child: a field or name, or a place counted from 1.
"""
step(path, place::Integer) = string(path, '[', place, ']')
step(path, name) = Base.isidentifier(name) ? string(path, '.', name) : string(path, '[', repr(String(name)), ']')

"""
    m[path]

The value at a path, as the report spells it. An array is a fresh copy that is yours; numbers, strings and `nothing` are themselves, a symbol is a
`Symbol`, and anything else is a [`FluxAirlock.Node`](@ref).
"""
function Base.getindex(m::Model, path::AbstractString)
    found = value(m, path)
    found isa Tensor && return array(m, found)
    found isa SymbolText && return Symbol(found.name)
    return found
end

function Base.haskey(m::Model, path::AbstractString)
    isopen(m) || throw(UsageError(:closed, "this model was closed"))
    return node_find(m.handle, String(path)) !== nothing
end

"""
    FluxAirlock.fieldsof(kind::Symbol) -> Vector{Symbol}

The names of a kind's fields, in the order of declaration, as in Flux of today.
"""
function fieldsof(kind::Symbol)
    known = tables()
    place = get(known.kind_of_name, kind, 0)
    place == 0 && throw(ArgumentError("there is no kind $kind"))
    return known.fields[place]
end

"""
    FluxAirlock.groupof(kind::Symbol) -> Symbol

`:layer`, `:callable`, `:data`, `:optimiser`, `:random` or `:wrapper`.
"""
function groupof(kind::Symbol)
    known = tables()
    place = get(known.kind_of_name, kind, 0)
    place == 0 && throw(ArgumentError("there is no kind $kind"))
    return known.groups[place]
end

"""
    FluxAirlock.kinds()

Every struct that the library knows: its `name`, `group` and `fields`.
"""
function kinds()
    known = tables()
    return [(name = known.kinds[i], group = known.groups[i], fields = known.fields[i]) for i in eachindex(known.kinds)]
end

"""
    FluxAirlock.functions() -> Vector{Symbol}

Every function that the library knows, with the module that defines it: `Symbol("NNlib.relu")`.
"""
functions() = copy(tables().functions)

"""
    layers(m) -> Vector{Pair{String,FluxAirlock.Struct}}

The layers of Flux in the model, each once, with its first path, depth first.
"""
function layers(m::Model)
    found = Pair{String,Struct}[]
    seen = Set{UInt32}()
    rest = Any[node for (_, node) in Iterators.reverse(roots(m))]
    while !isempty(rest)
        node = pop!(rest)
        node isa Node || continue
        node.id in seen && continue
        push!(seen, node.id)
        node isa Struct && groupof(node.kind) === :layer && push!(found, path(m, node) => node)
        append!(rest, Iterators.reverse(children(node)))
    end
    return found
end

"""
    opaque(m) -> Vector{Pair{String,FluxAirlock.Opaque}}

The values that are not rebuilt, with their paths: closures, types of your own, pointers, arrays that were on a device.

See also [`FluxAirlock.unregistered`](@ref).
"""
function opaque(m::Model)
    isopen(m) || throw(UsageError(:closed, "this model was closed"))
    ids = each(identity, airlock_model_nodes, UInt32, m.handle, file(m), LIST_OPAQUE)
    return Pair{String,Opaque}[path(m, value) => value for value in nodes(m, ids)]
end

"""
    notes(m)

What Flux of today reads otherwise than the Flux that saved the model: `path`, `code` and `message` of each remark.
"""
function notes(m::Model)
    found = each(note -> (note.node, text_or_empty(note.code), text_or_empty(note.message)), airlock_model_notes, NoteInfo, m.handle, file(m))
    return [(path = node_text(m.handle, id, NODE_TEXT_PATH, file(m)), code = Symbol(code), message = message) for (id, code, message) in found]
end

"""
    report(m; indented = false) -> String

Everything about the model but its weights, as JSON (schema `airlock.report/1`), with the SHA-256 of every array.
"""
report(m::Model; indented::Bool = false) = model_text(m.handle, indented ? MODEL_TEXT_REPORT_INDENTED : MODEL_TEXT_REPORT, file(m))

"""
    written_by(m)

What the shapes in the file prove of what wrote it: ranges of versions of `flux` and `bson_jl`, and the version of `julia`;
`nothing` where it does not show.
"""
written_by(m::Model) = (flux = m.about.flux, julia = m.about.julia, bson_jl = m.about.bson_jl)

"""
    evidence(m)

What vouches for the file. Each has a `kind` (`:pin`, `:signature` or `:registry`) and the `digest` of the file; and where there is one,
`lock`, the name in a lock file; `format`, `key_id`, `signer` and `comment` of a signature; `name`, in the folder that was signed or in
the registry; the `registry` and the `version` of its list; and `time`, in seconds since 1970, when the file was signed or
listed. Others are `nothing`. Empty if it was opened unverified.
"""
evidence(m::Model) = each(airlock_model_evidence, EvidenceInfo, m.handle, file(m)) do e
    some(number) = number == 0 ? nothing : Int(number)
    return (
        kind = Symbol(text_or_empty(e.kind)), digest = text_or_empty(e.digest), lock = text(e.lock), format = text(e.format),
        key_id = text(e.key_id), signer = text(e.signer), comment = text(e.comment), name = text(e.name), registry = text(e.registry),
        version = some(e.version), time = some(e.time),
    )
end

"""
    sandbox(m)

What decoding has cost: `fuel_used` of `fuel_limit`, `memory_bytes`, `wall_us`, and the digest of the guest.
"""
sandbox(m::Model) = m.about.sandbox

