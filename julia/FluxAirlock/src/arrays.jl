# Arrays of a model as Julia's own: one copy from the verified bytes, then they are yours.

"""
    FluxAirlock.array(m, tensor::FluxAirlock.Tensor) -> Array

The numbers of an array, in a fresh copy.

Throws [`UnusableValue`](@ref) if it cannot be a Julia array.
"""
function array(m::Model, t::Tensor)
    isopen(m) || throw(UsageError(:closed, "this model was closed"))
    T = get(ELTYPES, t.eltype, nothing)
    T === nothing && throw(UnusableValue(t.path, "its elements are of $(t.eltype), whose layout is not in the file"))
    return copy_array(m, t, T, Tuple(t.size))
end

# Memory of Julia's for elements of `T`, or an error if no array has so many.
function new_array(path, ::Type{T}, size) where {T}
    bytes = max(sizeof(T), 1)
    for dim in size
        bytes, overflows = Base.mul_with_overflow(bytes, dim)
        overflows && throw(UnusableValue(path, "no array of this machine has the size $size"))
    end
    return Array{T}(undef, size)
end

function copy_array(m, t, ::Type{T}, size) where {T}
    out = new_array(t.path, T, size)
    return isempty(out) || sizeof(T) == 0 ? out : array_copy!(out, m.handle, t.index, file(m))
end

# A `Bool` of Julia's that is neither 0 nor 1 is undefined behaviour: bytes are looked at before they are one.
function copy_array(m, t, ::Type{Bool}, size)
    bytes = copy_array(m, t, UInt8, size)
    only_bools(t, bytes)
    return map(==(0x01), bytes)
end

function copy_array(m, t, ::Type{Complex{Bool}}, size)
    bytes = copy_array(m, t, Complex{UInt8}, size)
    only_bools(t, reinterpret(UInt8, vec(bytes)))
    return map(z -> Complex(real(z) == 0x01, imag(z) == 0x01), bytes)
end

function only_bools(t, bytes)
    place = findfirst(>(0x01), bytes)
    place === nothing || throw(UnusableValue(t.path, "a Bool in it is neither true nor false"))
    return nothing
end

"""
    FluxAirlock.ArrayDict

What [`arrays`](@ref) gives: a read-only dictionary of paths and arrays.
"""
struct ArrayDict <: AbstractDict{String,Array}
    model::Model
    tensors::Vector{Tensor}
end

"""
    arrays(m) -> AbstractDict{String,Array}

All arrays of the model by their paths, in the order of the file; one that is shared comes once. Each is copied when it is asked
for, and is then yours.

# Examples
```jldoctest; setup = :(using FluxAirlock; fixture(name) = joinpath(pkgdir(FluxAirlock), "..", "..", "tests", "corpus", "accept", name))
julia> m = load(fixture("flux-0.16.9/dense.bson"); unverified = true);

julia> for (path, array) in arrays(m)
           println(path, " ", eltype(array), size(array))
       end
m.weight Float32(3, 2)
m.bias Float32(3,)
```
"""
function arrays(m::Model)
    return ArrayDict(m, filter(t -> t.omitted === nothing, all_tensors(m)))
end

Base.length(a::ArrayDict) = length(a.tensors)
Base.keys(a::ArrayDict) = String[t.path for t in a.tensors]

function Base.iterate(a::ArrayDict, place = 1)
    place > length(a.tensors) && return nothing
    t = a.tensors[place]
    return Pair{String,Array}(t.path, array(a.model, t)), place + 1
end

function Base.haskey(a::ArrayDict, path)
    found = haskey(a.model, path) ? value(a.model, path) : nothing
    return found isa Tensor && found.omitted === nothing
end

function Base.get(a::ArrayDict, path, default)
    haskey(a, path) || return default
    return array(a.model, value(a.model, path))
end

function Base.getindex(a::ArrayDict, path)
    haskey(a, path) || throw(KeyError(path))
    return array(a.model, value(a.model, path))
end

function Base.show(io::IO, ::MIME"text/plain", a::ArrayDict)
    print(io, length(a), length(a) == 1 ? " array of " : " arrays of ", subject(file(a.model)))
    width = mapreduce(t -> textwidth(t.path), max, a.tensors; init = 0)
    for t in Iterators.take(a.tensors, MOST_SHOWN)
        print(io, "\n  ", rpad(t.path, width), "  ", what(t))
    end
    length(a) > MOST_SHOWN && print(io, "\n  … and ", length(a) - MOST_SHOWN, " more")
end

Base.show(io::IO, a::ArrayDict) = print(io, "arrays(", a.model, ")")

const MOST_SHOWN = 1000

what(t::Tensor) = string(isempty(t.size) ? "0-dimensional" : join(t.size, "×"), " ", t.eltype)

"""
    omitted(m)

Arrays of the file that are no part of a model of today (gradients, states of recurrent layers and of random generators, packed
structs): `path`, `why`, `eltype` and `size` of each, and the `tensor`, whose numbers `FluxAirlock.array(m, tensor)` gives where they
are numbers.
"""
function omitted(m::Model)
    return [
        (path = t.path, why = Symbol(t.omitted), eltype = t.eltype, size = Tuple(t.size), tensor = t) for
        t in all_tensors(m) if t.omitted !== nothing
    ]
end
