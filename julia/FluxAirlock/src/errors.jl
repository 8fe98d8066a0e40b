# What goes wrong, sorted by who must act. Every error says what, where, and what to do.

"""
    AirlockError

What every exception of this package is.

- [`MalformedFile`](@ref): the file. Do not use it.
- [`NotVerified`](@ref): whoever vouches for the file.
- [`LimitExceeded`](@ref): you grant more, or distrust the file.
- [`InputError`](@ref): whoever called, for a file that cannot be read.
- [`UsageError`](@ref): whoever called.
- [`OutputError`](@ref): what was to be written.
- [`UnusableValue`](@ref): the file is opened, and this one value has no place in Julia.
- [`UnknownLayer`](@ref): you register a type, or say what a closure does.
- [`EngineError`](@ref): this machine, or a flaw of ours.
- [`LibraryNotFound`](@ref), [`AbiMismatch`](@ref): how the package is installed.
"""
abstract type AirlockError <: Exception end

"""
    MalformedFile

The file is not a well-formed BSON.jl file, and no part of it was used. `code` is a stable name (`Symbol("dangling-backref")`),
`offset` counts bytes from the start of the file and is -1 where there is no one place, `path` leads to the flawed element.
"""
struct MalformedFile <: AirlockError
    code::Symbol
    message::String
    offset::Int
    path::String
    file::String
end

"""
    LimitExceeded

The file wants more than was granted of `limit`. If you expect a model of that size, grant more by name:
`load(path; pin, depth = 512)`.
"""
struct LimitExceeded <: AirlockError
    code::Symbol
    message::String
    limit::Symbol
    granted::UInt64
    offset::Int
    path::String
    file::String
end

"""
    NotVerified

There is no evidence for the file, or the evidence does not hold. Nothing of the file was parsed.
"""
struct NotVerified <: AirlockError
    code::Symbol
    message::String
    file::String
end

"""
    InputError

The file, or a lock file, cannot be read at all.
"""
struct InputError <: AirlockError
    code::Symbol
    message::String
    file::String
end

"""
    EngineError

This machine could not do it, or (`code` begins with `guest-` or `answer-`) we have a flaw. It says nothing about the file.
"""
struct EngineError <: AirlockError
    code::Symbol
    message::String
    file::String
end

"""
    OutputError

The output cannot be written, or its format cannot hold the model. `path` is that of the array that does not fit, or empty.
"""
struct OutputError <: AirlockError
    code::Symbol
    message::String
    path::String
    file::String
end

"""
    UsageError

An argument cannot be what it is: a pin that is no digest, a limit that does not exist, a model that was closed.
"""
struct UsageError <: AirlockError
    code::Symbol
    message::String
end

"""
    UnusableValue

The model is opened, and the value at `path` cannot be a Julia value: a `Bool` that is neither true nor false, an array
of packed structs whose type is not there, or one whose size no array of this machine can have.
"""
struct UnusableValue <: AirlockError
    path::String
    message::String
end

"""
    UnknownLayer

The value at `path` is not rebuilt: it is a type of your own, a closure, or something that the closed table has no place for.
`what` says what it is and `hint` what to type.
"""
struct UnknownLayer <: AirlockError
    path::String
    what::String
    hint::String
end

"""
    LibraryNotFound

`libflux_airlock` was not found. `tried` lists the places: where, and what was there.
"""
struct LibraryNotFound <: AirlockError
    tried::Vector{Pair{String,String}}
end

"""
    AbiMismatch

The library at `path` has another version of the C interface than this package was written for.
"""
struct AbiMismatch <: AirlockError
    path::String
    wanted::Int
    found::Int
end

place(offset, path) = string(offset < 0 ? "" : string(" at byte 0x", string(offset; base = 16)), isempty(path) ? "" : " ($path)")
subject(file) = isempty(file) ? "the model" : quoted(file)

function Base.showerror(io::IO, e::MalformedFile)
    print(io, "MalformedFile: ", subject(e.file), " is refused: ", e.message, place(e.offset, e.path), " [", e.code, "]")
    print(io, "\nNothing of the file was used. Get it again from where it comes from; ")
    print(io, "if `BSON.load` reads it, it was edited or damaged after BSON.jl wrote it.")
end

function Base.showerror(io::IO, e::LimitExceeded)
    print(io, "LimitExceeded: ", subject(e.file), " is refused: ", e.message, place(e.offset, e.path), " [", e.code, "]")
    print(io, "\nIf you expect so large a model, grant more by name: `load(path; …, ", e.limit, " = ", more(e.granted), ")`.")
end

# Twice as much as was granted, to be copied into a call.
more(granted) = granted > typemax(UInt64) ÷ 2 ? typemax(UInt64) : max(2granted, UInt64(1))

# A registry of which nothing is known that holds today.
const REGISTRY_AWAY = Symbol.(("registry-expired", "registry-unreachable"))
# One that is believed, and does not say what it would have to.
const REGISTRY_SILENT = Symbol.(("registry-unlisted", "registry-signer"))

function Base.showerror(io::IO, e::NotVerified)
    print(io, "NotVerified: ", subject(e.file), " is refused: ", e.message, " [", e.code, "]")
    if e.code === Symbol("no-evidence")
        print(io, "\nSay why these bytes may be opened:")
        print(io, "\n  load(path; pin = \"sha256:…\")          the digest that the author gave you")
        print(io, "\n  load(path; lock = \"airlock.lock\")     a lock file that you keep apart from the model")
        print(io, "\n  load(path; signature = \"model.sig\", public_key = \"team.pub\")   a signature, by a key that you have from its owner")
        print(io, "\n  load(path; signature = \"model.sig\", certificate_root = \"root.pem\")   one by a key with a certificate")
        print(io, "\n  load(path; registry = \"https://…\", root = \"root.json\")       a registry that lists it")
        print(io, "\n  load(path; unverified = true)          nobody vouches for them: they are decoded in the sandbox all the same")
    elseif startswith(String(e.code), "policy-")
        print(io, "\nSo it is under the policy of this machine or of this folder (docs/policy.md), whatever the file holds. ")
        print(io, "`airlock policy explain FILE` says which rule it meets.")
    elseif e.code === Symbol("registry-revoked")
        print(io, "\nWhoever keeps the registry has taken the file back, for the reason above. Get another one.")
    elseif e.code === Symbol("registry-root")
        print(io, "\nThis says nothing about the file: `root` is the path of the registry's root metadata, which you have from elsewhere.")
    elseif e.code in REGISTRY_AWAY
        print(io, "\nThis says nothing about the file: nobody knows what was revoked meanwhile. Try again when the registry can be asked.")
    elseif e.code in REGISTRY_SILENT
        print(io, "\nThe registry does not vouch for these bytes under this name. Do not use the file until you know why.")
    elseif startswith(String(e.code), "registry-")
        print(io, "\nThis says nothing about the file: what there is of the registry is not believed.")
    else
        print(io, "\nThe bytes are others than those that were vouched for, or nobody vouched for them. Do not use the file until you know why.")
    end
end

function Base.showerror(io::IO, e::InputError)
    print(io, "InputError: ", isempty(e.file) ? "" : string(quoted(e.file), ": "), e.message, " [", e.code, "]")
end

function Base.showerror(io::IO, e::EngineError)
    print(io, "EngineError: ", isempty(e.file) ? "" : string(quoted(e.file), ": "), e.message, " [", e.code, "]")
    print(io, "\nThis says nothing about the file.")
end

function Base.showerror(io::IO, e::OutputError)
    print(io, "OutputError: ", quoted(e.file), ": ", e.message, " [", e.code, "]")
    e.code === Symbol("output-exists") && print(io, "\n`force = true` replaces it.")
    e.code === Symbol("unfit-arrays") && print(io, "\n`omit = true` leaves such arrays out.")
end

Base.showerror(io::IO, e::UsageError) = print(io, "UsageError: ", e.message, " [", e.code, "]")

function Base.showerror(io::IO, e::UnusableValue)
    print(io, "UnusableValue: ", e.path, ": ", e.message)
end

function Base.showerror(io::IO, e::UnknownLayer)
    print(io, "UnknownLayer: ", e.path, " is ", e.what)
    isempty(e.hint) || print(io, "\n", e.hint)
end

function Base.showerror(io::IO, e::LibraryNotFound)
    print(io, "LibraryNotFound: there is no ", library_name(), ". Looked for, in this order:")
    for (i, (place, found)) in enumerate(e.tried)
        print(io, "\n  ", i, ". ", place, ": ", found)
    end
    print(io, "\nIn a checkout of flux-airlock, `using Pkg; Pkg.build(\"FluxAirlock\")` or ")
    print(io, "`cargo build --release -p flux-airlock-capi` makes it. Then start Julia again, or try again.")
end

function Base.showerror(io::IO, e::AbiMismatch)
    print(io, "AbiMismatch: ", quoted(e.path), " has version ", e.found, " of the C interface, and this FluxAirlock needs version ", e.wanted)
    print(io, "\nBuild the library and the package from the same release.")
end

# A name from outside, escaped.
quoted(name) = repr(String(name))
