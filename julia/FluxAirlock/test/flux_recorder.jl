# What the table asks of Flux, written down instead of done: `Recorder.FLUX` takes the place of the modules that the table names.
module Recorder

# A call of a constructor, or a function that was asked for: by module and name, with what it was given.
struct Call
    name::Symbol
    args::Tuple
    keywords::Dict{Symbol,Any}
    Call(name, args...; keywords...) = new(name, args, Dict{Symbol,Any}(keywords))
end
Base.:(==)(a::Call, b::Call) = a.name === b.name && isequal(a.args, b.args) && isequal(a.keywords, b.keywords)
Base.hash(c::Call, h::UInt) = hash(c.name, h)
Base.show(io::IO, c::Call) = print(io, c.name, "(", join(repr.(c.args), ", "), "; ", join(("$k = $(repr(v))" for (k, v) in c.keywords), ", "), ")")

struct Name <: Function
    name::Symbol
end
(name::Name)(args...; keywords...) = Call(name.name, args...; keywords...)

# A module that has every name.
struct Namespace
    prefix::String
end
Base.getproperty(space::Namespace, name::Symbol) = Name(Symbol(getfield(space, :prefix), name))

const FLUX = (
    Flux = Namespace(""),
    NNlib = Namespace("NNlib."),
    Losses = Namespace("Flux.Losses."),
    MLUtils = Namespace("MLUtils."),
    Optimisers = Namespace("Optimisers."),
    OneHotArrays = Namespace("OneHotArrays."),
    Statistics = Namespace("Statistics."),
    LinearAlgebra = Namespace("LinearAlgebra."),
    Random = Namespace("Random."),
    array = identity,
)

end
