# The values of a file as Julia objects of a few fixed types.
#
# No type, function, module or Symbol is made of a file's text: names are Strings that are compared and shown. A value
# that a file has twice is one node, so that tied weights stay tied. Nothing here refers to the library.

"""
    FluxAirlock.Node

A value of a file that is no plain Julia value: [`Struct`](@ref), [`KnownFunction`](@ref), [`Tensor`](@ref), [`List`](@ref),
[`TupleOf`](@ref), [`NamedTupleOf`](@ref), [`Record`](@ref), [`ArrayOf`](@ref), [`SymbolText`](@ref) or [`Opaque`](@ref).

Two nodes of a model have the same `id` if they are the same object of the file. Numbers, `Bool`s, strings and `nothing` are
no nodes but themselves.
"""
abstract type Node end

"""
    FluxAirlock.Struct

A struct of the closed list: `kind` is its name in Flux of today (`:Dense`) or Julia (`Symbol("Base.Dict")`), and `fields` are the
values of its fields, whose names are `FluxAirlock.fieldsof(kind)`.

See also [`FluxAirlock.field`](@ref), [`FluxAirlock.kinds`](@ref).
"""
struct Struct <: Node
    id::UInt32
    kind::Symbol
    fields::Vector{Any}
end

"""
    FluxAirlock.KnownFunction

A function of the closed list, by the module that defines it and its name: `Symbol("NNlib.relu")`.

See also [`FluxAirlock.functions`](@ref).
"""
struct KnownFunction <: Node
    id::UInt32
    name::Symbol
end

"""
    FluxAirlock.Tensor

An array of plain numbers: what it is and where, not its numbers, which [`FluxAirlock.array`](@ref) gives. `omitted` says why it is no
part of a model of today, and is `nothing` where it is one. `eltype` is Julia's name, or a type's path where the elements are
packed structs.
"""
struct Tensor <: Node
    id::UInt32
    index::UInt32
    eltype::String
    size::Vector{Int}
    path::String
    omitted::Union{Nothing,String}
end

"""
    FluxAirlock.List

A vector of values.
"""
struct List <: Node
    id::UInt32
    items::Vector{Any}
end

"""
    FluxAirlock.TupleOf

A tuple of values.
"""
struct TupleOf <: Node
    id::UInt32
    items::Vector{Any}
end

"""
    FluxAirlock.NamedTupleOf

A `NamedTuple`: names, which are text of the file, and values.
"""
struct NamedTupleOf <: Node
    id::UInt32
    names::Vector{String}
    values::Vector{Any}
end

"""
    FluxAirlock.Record

A `Dict` with symbols for keys: names, which are text of the file, and values.
"""
struct Record <: Node
    id::UInt32
    names::Vector{String}
    values::Vector{Any}
end

"""
    FluxAirlock.ArrayOf

An array of values with a size of its own, in column-major order.
"""
struct ArrayOf <: Node
    id::UInt32
    size::Vector{Int}
    items::Vector{Any}
end

"""
    FluxAirlock.SymbolText

A symbol of the file, as text. Compare it; a `Symbol` that was made is never freed.
"""
struct SymbolText <: Node
    id::UInt32
    name::String
end

"""
    FluxAirlock.Opaque

A value that is not rebuilt: `why` is a stable name (`:closure`, `Symbol("unknown-struct")`), `type` the path of its type, `children`
the values of its fields or what a closure captured, and `message` a sentence.
"""
struct Opaque <: Node
    id::UInt32
    why::Symbol
    type::Vector{String}
    children::Vector{Any}
    message::String
end

"""
    FluxAirlock.children(node) -> Vector{Any}

The values that a node holds directly.
"""
children(node::Struct) = node.fields
children(node::Union{List,TupleOf,ArrayOf}) = node.items
children(node::Union{NamedTupleOf,Record}) = node.values
children(node::Opaque) = node.children
children(::Any) = NO_CHILDREN

const NO_CHILDREN = Any[]

"""
    FluxAirlock.field(node, name::Symbol)

The value of this field of a [`Struct`](@ref).
"""
function field(node::Struct, name::Symbol)
    place = findfirst(isequal(name), fieldsof(node.kind))
    place === nothing && throw(ArgumentError("a $(node.kind) has no field $name"))
    return node.fields[place]
end

# BFloat16 is Julia's own from 1.11 on. Before, it is this: enough to hold, compare and convert such numbers.
@static if isdefined(Core, :BFloat16)
    const BFloat16 = Core.BFloat16
else
    """
        FluxAirlock.BFloat16

    The upper half of a `Float32`: the `eltype` of such arrays where Julia (before 1.11) has no `Core.BFloat16`. `Float32.(a)` is exact, and
    `reinterpret` gives it to another package.
    """
    primitive type BFloat16 <: AbstractFloat 16 end
    Base.Float32(x::BFloat16) = reinterpret(Float32, UInt32(reinterpret(UInt16, x)) << 16)
    Base.Float64(x::BFloat16) = Float64(Float32(x))
    Base.promote_rule(::Type{BFloat16}, ::Type{Float32}) = Float32
    Base.promote_rule(::Type{BFloat16}, ::Type{Float64}) = Float64
    for f in (:isnan, :isinf, :isfinite, :iszero, :signbit)
        @eval Base.$f(x::BFloat16) = $f(Float32(x))
    end
    for f in (:(==), :<, :(<=), :isequal, :isless)
        @eval Base.$f(x::BFloat16, y::BFloat16) = $f(Float32(x), Float32(y))
    end
    Base.hash(x::BFloat16, h::UInt) = hash(Float32(x), h)
    Base.show(io::IO, x::BFloat16) = print(io, "BFloat16(", Float32(x), ")")
end

# Every eltype of the library, by Julia's name.
const ELTYPES = let
    reals = Pair{String,DataType}["BFloat16" => BFloat16]
    for T in (Bool, Float16, Float32, Float64, Int8, Int16, Int32, Int64, Int128, UInt8, UInt16, UInt32, UInt64, UInt128)
        push!(reals, string(T) => T)
    end
    complex = ["Complex{$name}" => Complex{T} for (name, T) in reals]
    Dict{String,DataType}([reals; complex; "Char" => Char; "Nothing" => Nothing])
end
