# FluxAirlock's table under Flux itself.
module FluxAirlockFluxExt

using FluxAirlock, Flux
using FluxAirlock: Model, CONSTRUCTORS

# Brain floats are another type in the package that Flux uses, where Julia has none of its own.
as_flux(x::Array) = x
@static if isdefined(Flux, :BFloat16) && Flux.BFloat16 !== FluxAirlock.BFloat16
    as_flux(x::Array{FluxAirlock.BFloat16}) = collect(reinterpret(Flux.BFloat16, x))
end

# What the table takes its constructors and functions from. Every name is written out, here or in the table.
const FLUX = (
    Flux = Flux,
    NNlib = Flux.NNlib,
    Losses = Flux.Losses,
    MLUtils = Flux.MLUtils,
    Optimisers = Flux.Optimisers,
    OneHotArrays = Flux.OneHotArrays,
    Statistics = Flux.Statistics,
    LinearAlgebra = Flux.LinearAlgebra,
    Random = Flux.Random,
    array = as_flux,
    children = Flux.Functors.children,
    trainable = Flux.Optimisers.trainable,
)

__init__() = (CONSTRUCTORS[] = FLUX; nothing)

"""
    Flux.loadmodel!(mine, m::FluxAirlock.Model; functions = Dict())
    Flux.loadmodel!(mine, m::FluxAirlock.Model, path; functions = Dict())

Copies the weights of a file into a model that you built, whatever version of Flux wrote the file: a model, a `Flux.state`, a
list of parameters, or the vector of `Flux.destructure`. `path` says which value, where the file has several.

Functions, and numbers such as a stride or ϵ, stay those of `mine`, as they do whenever `Flux.loadmodel!` is called. Weights that are tied in
`mine` have to be equal in the file. Throws [`FluxAirlock.Misfit`](@ref), with the paths on both sides and the sizes, unless everything fits; nothing
in `mine` is changed then.
"""
function Flux.loadmodel!(mine, m::Model, path::AbstractString = FluxAirlock.the_model(m, true); functions = Dict{String,Any}())
    return FluxAirlock.loadmodel!(FLUX, mine, m, String(path), functions)
end

# Flux from 0.15 on has a method for a model beside its gradient, whatever the second argument.
@static if isdefined(Flux, :EnzymeCore)
    function Flux.loadmodel!(mine::Flux.EnzymeCore.Duplicated, m::Model, path::AbstractString = FluxAirlock.the_model(m, true); kw...)
        Flux.loadmodel!(mine.val, m, path; kw...)
        return mine
    end
end

end
