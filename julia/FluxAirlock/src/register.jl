# Types of your own: what is constructed is what you registered, by a path that is compared and never looked up.

const REGISTERED = Dict{Vector{String},Any}()
const REGISTERING = ReentrantLock()

"""
    FluxAirlock.register(path => construct)

Says how [`rebuild`](@ref) makes a value of a type of your own, for this session. `path` is the path of the type, or function, as the file spells it:
`["Main", "MyNet"]`, or `"Main.MyNet"`. `construct` gets the values of its fields, rebuilt, in the order of declaration: a file has no names of fields.

Gives what was registered before, or `nothing`. [`FluxAirlock.unregistered`](@ref)`(m)` lists what a model needs.

# Examples
```jldoctest; setup = :(using FluxAirlock)
julia> struct MyNet
           encoder
           decoder
       end

julia> FluxAirlock.register(["Main", "MyNet"] => fields -> MyNet(fields...))
```
"""
function register(pair::Pair)
    key = type_key(pair.first)
    return lock(REGISTERING) do
        before = get(REGISTERED, key, nothing)
        REGISTERED[key] = pair.second
        before
    end
end

"""
    FluxAirlock.unregister(path)

Forgets what was registered for this path, and gives it, or `nothing`.
"""
unregister(path) = lock(() -> pop!(REGISTERED, type_key(path), nothing), REGISTERING)

"""
    FluxAirlock.registered(path)

What was registered for this path, or `nothing`.
"""
registered(path) = lock(() -> get(REGISTERED, type_key(path), nothing), REGISTERING)

type_key(parts::AbstractVector{<:AbstractString}) = String[String(part) for part in parts]
type_key(path::AbstractString) = String[String(part) for part in split(path, '.')]

"""
    FluxAirlock.Unregistered

What [`FluxAirlock.unregistered`](@ref) gives: rows with `type`, `why`, `fields` (how many), `paths` and `line`, what to type.
"""
struct Unregistered
    rows::Vector{NamedTuple{(:type, :why, :fields, :paths, :line),Tuple{Vector{String},Symbol,Int,Vector{String},String}}}
end

Base.length(u::Unregistered) = length(u.rows)
Base.isempty(u::Unregistered) = isempty(u.rows)
Base.iterate(u::Unregistered, place...) = iterate(u.rows, place...)
Base.eltype(::Type{Unregistered}) = eltype(fieldtype(Unregistered, :rows))
Base.getindex(u::Unregistered, i) = u.rows[i]

"""
    FluxAirlock.unregistered(m) -> Unregistered

The types, functions and closures of the file that [`rebuild`](@ref) does not know, with a line to paste for each.

Names in it are the file's: read a line before you type it. A name that could be mistaken for something else than a type is
not spelled out as code.
"""
function unregistered(m::Model)
    rows = eltype(Unregistered)[]
    places = Dict{Tuple{Vector{String},Symbol,Int},Int}()
    for (path, node) in opaque(m)
        closure = node.why === :closure
        closure || (node.why in BY_TYPE && registered(node.type) === nothing) || continue
        key = (closure ? [path] : node.type, node.why, length(node.children))
        place = get(places, key, 0)
        if place == 0
            line = closure ? closure_line(path) : register_line(node)
            push!(rows, (type = node.type, why = node.why, fields = length(node.children), paths = [path], line = line))
            places[key] = length(rows)
        else
            push!(rows[place].paths, path)
        end
    end
    return Unregistered(rows)
end

const BY_TYPE = (Symbol("unknown-struct"), Symbol("unknown-function"), Symbol("unknown-primitive"), Symbol("unknown-layout"))

# Names are the file's. The key is a literal of text, and what would be called is spelled out only if it looks like a type
# of a package or of yours, and not like something that Julia has.
function register_line(node::Opaque)
    parts = node.type
    key = string("[", join(repr.(parts), ", "), "]")
    name = length(parts) >= 2 && parts[1] == "Main" ? parts[2:end] : parts
    plain = !isempty(name) && all(looks_like_name, name) && isuppercase(first(last(name))) && !(first(name) in JULIAS_OWN)
    if node.why === Symbol("unknown-function")
        return "FluxAirlock.register($key => _ -> …)   # the function"
    end
    call = plain ? string(join(name, "."), "(fields...)") : "…"
    return "FluxAirlock.register($key => fields -> $call)"
end

looks_like_name(part) = Base.isidentifier(part) && isascii(part)

closure_line(path) = "rebuild(m; functions = Dict($(repr(path)) => …))   # what the closure did"

const JULIAS_OWN = ("Base", "Core", "Main", "Libdl", "Pkg", "InteractiveUtils", "Distributed", "Sockets", "Serialization", "LibGit2", "Downloads")

function Base.show(io::IO, ::MIME"text/plain", u::Unregistered)
    isempty(u) && return print(io, "Everything in the model is known or registered.")
    print(io, length(u), length(u) == 1 ? " type or function is" : " types or functions are", " not known. What to type:")
    for row in u
        print(io, "\n\n  ", row.line)
        fields = row.fields == 1 ? "1 field" : "$(row.fields) fields"
        more = length(row.paths) > 1 ? " and at $(length(row.paths) - 1) more places" : ""
        print(io, "\n    ", isempty(row.type) ? "" : string(quoted_path(row.type), ", "), row.why, ", ", fields, ", at ", row.paths[1], more)
    end
end
