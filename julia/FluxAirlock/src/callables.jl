# What closures were recognised as, and Julia has no struct for. They hold plain data, and do what their names say.

"""
    FluxAirlock.Reshape(dims)

`x -> reshape(x, dims)`, recognised in a closure. So are [`FluxAirlock.Cat`](@ref), `Dropdims`, `Getindex`, `Permutedims` and `Softmax`.
"""
struct Reshape{D} <: Function
    dims::D
end
(f::Reshape)(x) = reshape(x, f.dims)

"""
    FluxAirlock.Cat(dims)

`(xs...) -> cat(xs...; dims)`, recognised in a closure.
"""
struct Cat{D} <: Function
    dims::D
end
(f::Cat)(xs...) = cat(xs...; dims = f.dims)

struct Dropdims{D} <: Function
    dims::D
end
(f::Dropdims)(x) = dropdims(x; dims = f.dims)

# `x -> x[indices...]`. `end` is written `lastindex`.
struct Getindex{I} <: Function
    indices::I
end
function (f::Getindex)(x)
    n = length(f.indices)
    last(d) = n == 1 ? lastindex(x) : lastindex(x, d)
    return x[ntuple(d -> f.indices[d] === lastindex ? last(d) : f.indices[d], n)...]
end

struct Permutedims{D} <: Function
    perm::D
end
(f::Permutedims)(x) = permutedims(x, f.perm)

# `softmax` or `logsoftmax` over other dimensions than the first.
struct Softmax{F,D} <: Function
    f::F
    dims::D
end
(f::Softmax)(x) = f.f(x; dims = f.dims)

for T in (:Reshape, :Cat, :Dropdims, :Getindex, :Permutedims, :Softmax)
    @eval Base.show(io::IO, f::$T) = print(io, $(string("FluxAirlock.", T)), "(", join(map(name -> getfield(f, name), fieldnames($T)), ", "), ")")
    @eval Base.show(io::IO, ::MIME"text/plain", f::$T) = show(io, f)
end

# Julia has it from 1.6 on.
@static if isdefined(Base.Broadcast, :BroadcastFunction)
    elementwise(f) = Base.Broadcast.BroadcastFunction(f)
else
    struct Elementwise{F} <: Function
        f::F
    end
    (e::Elementwise)(xs...) = broadcast(e.f, xs...)
    elementwise(f) = Elementwise(f)
end
