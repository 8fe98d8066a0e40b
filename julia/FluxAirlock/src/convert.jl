# Models in other formats, whole or not at all.

"""
    FluxAirlock.convert(path, out; to, force = false, omit = false, variable, options...)
    FluxAirlock.convert(m::Model, out; to, force = false, omit = false)

Writes a model to `out`, as `to = :safetensors` or `:json` (layers and descriptions of arrays, no weights); without `to`, as the ending of `out` says. An
array has the same size and the same indices in safetensors as in Julia. `out` appears whole or not at all, and is replaced only
with `force`. `omit` leaves out arrays that safetensors cannot hold; without it they are an [`OutputError`](@ref). `variable` names
the only variable that is written. The other options are those of [`load`](@ref).

# Examples
```jldoctest; setup = :(using FluxAirlock; fixture(name) = joinpath(pkgdir(FluxAirlock), "..", "..", "tests", "corpus", "accept", name))
julia> out = joinpath(mktempdir(), "weights.safetensors");

julia> FluxAirlock.convert(fixture("flux-0.16.9/dense.bson"), out; unverified = true)

julia> filesize(out) > 0
true
```
"""
function convert(m::Model, out::AbstractString; to = format_of(out), force::Bool = false, omit::Bool = false)
    isopen(m) || throw(UsageError(:closed, "this model was closed"))
    flags = (force ? WRITE_OVERWRITE : UInt32(0)) | (omit ? WRITE_OMIT : UInt32(0))
    model_write(m.handle, String(to), String(out), flags)
    return nothing
end

function convert(
    path, out::AbstractString; to = format_of(out), force::Bool = false, omit::Bool = false, variable = nothing, options...,
)
    m = load(path; options...)
    chosen = variable === nothing ? m : only(m, variable)
    convert(chosen, out; to = to, force = force, omit = omit)
    close(chosen)
    close(m)
    return nothing
end

function format_of(out)
    ending = splitext(out)[2]
    ending == ".safetensors" && return :safetensors
    ending == ".json" && return :json
    throw(ArgumentError("say what $(repr(String(out))) shall be: `to = :safetensors` or `to = :json`"))
end
