# Weights of a file into a model that its user has built.
#
# The model and what the file holds are walked side by side, by the names of fields as Flux of today has them, whatever
# version wrote the file. What is to be copied where is written down first, and every array is converted to the eltype of its
# place. Only if all of it fits is anything copied.

"""
    FluxAirlock.Misfit

A file and a model that do not fit: `problems` says of each place what is wrong, with its path in the model, its path in the
file, and the sizes on both sides. Nothing was changed in the model.
"""
struct Misfit <: AirlockError
    problems::Vector{NamedTuple{(:model_path, :file_path, :message),NTuple{3,String}}}
end

function Base.showerror(io::IO, e::Misfit)
    print(io, "Misfit: the file's weights do not fit into the model, which is unchanged")
    for problem in Iterators.take(e.problems, MOST_HINTS)
        print(io, "\n  ", problem.model_path, " ← ", isempty(problem.file_path) ? "nothing in the file" : problem.file_path, ": ", problem.message)
    end
    length(e.problems) > MOST_HINTS && print(io, "\n  … and ", length(e.problems) - MOST_HINTS, " more")
end

# What is to be copied: by the array that has the memory, its new values and the two paths.
struct Plan
    P::Any
    copies::IdDict{Any,Tuple{Array,String,String}}
    order::Vector{Any}
    problems::Vector{NamedTuple{(:model_path, :file_path, :message),NTuple{3,String}}}
    said::Vector{String}
    # Vectors and dictionaries, which may share others twice over, by whether there is an array in them.
    seen::IdDict{Any,Bool}
end
Plan(P) = Plan(P, IdDict{Any,Tuple{Array,String,String}}(), Any[], NamedTuple{(:model_path, :file_path, :message),NTuple{3,String}}[], String[], IdDict{Any,Bool}())

problem!(plan, to, from, message...) = (push!(plan.problems, (model_path = to, file_path = from, message = string(message...))); nothing)

# `Flux.loadmodel!(dst, m)` of the extension. `P` is what the table needs, and `children` and `trainable` of Functors and Optimisers.
function loadmodel!(P, dst, m::Model, path::String, functions)
    work = Work(P, m, given(m, functions), true)
    src = make(work, value(m, path), path)
    plan = Plan(P)
    if is_flat(src) && !(dst isa Union{Tuple,AbstractVector})
        plan_flat!(plan, dst, src, path)
    else
        plan!(plan, dst, src, "model", path)
    end
    isempty(plan.problems) || throw(Misfit(plan.problems))
    isempty(plan.said) || @warn string("The weights are loaded, but for this:\n  ", join(plan.said, "\n  "))
    copy_all!(plan)
    return dst
end

# Second pass. Whatever goes wrong, the model is as it was.
function copy_all!(plan)
    before = Pair{Any,Any}[]
    try
        for array in plan.order
            push!(before, array => copy(array))
            copyto!(array, plan.copies[array][1])
        end
    catch
        for (array, values) in before
            # What could not be written to has not changed.
            try
                copyto!(array, values)
            catch
            end
        end
        rethrow()
    end
    return nothing
end

# ------------------------------------------------------------------------------------------------------------------ walking

is_array(x) = x isa AbstractArray{<:Number} && !(x isa AbstractRange)

function plan!(plan, @nospecialize(dst), @nospecialize(src), to, from)
    is_array(dst) && return plan_array!(plan, dst, src, to, from)
    inside = plan.P.children(dst)
    if is_leaf(inside)
        return has_arrays(plan, src) ? plan_nowhere!(plan, dst, src, to, from) : nothing
    end
    used = Set{Any}()
    for (place, key) in enumerate(keys(inside))
        child = inside[key]
        found = counterpart(plan, dst, src, key, place)
        at = step(to, key isa Symbol ? String(key) : key)
        if found === nothing
            has_arrays(plan, child) && problem!(plan, at, "", "the file's ", from, " has no such part")
            continue
        end
        key, value = found
        push!(used, key)
        plan!(plan, child, value, at, step(from, key isa Symbol ? String(key) : key))
    end
    for (key, value) in parts_of(plan, src)
        key in used || !has_arrays(plan, value) || plan_rest!(plan, dst, key, value, to, from)
    end
    return nothing
end

is_leaf(inside) = inside isa Tuple{} || (inside isa NamedTuple && isempty(inside)) || (inside isa AbstractArray && isempty(inside))

# The parts of what comes from the file, by name or place.
parts_of(plan, src::Inert) = Pair{Any,Any}[i => part for (i, part) in enumerate(src.parts)]
function parts_of(plan, @nospecialize(src))
    is_array(src) && return Pair{Any,Any}[]
    inside = plan.P.children(src)
    return Pair{Any,Any}[key => inside[key] for key in keys(inside)]
end

# The part of the file's value that belongs to this part of the model.
function counterpart(plan, @nospecialize(dst), @nospecialize(src), @nospecialize(key), place)
    src isa Inert && return place <= length(src.parts) ? (place => src.parts[place]) : nothing
    inside = is_array(src) ? () : plan.P.children(src)
    for name in (key, former(plan, dst, key))
        name === nothing && continue
        has_key(inside, name) && return name => inside[name]
    end
    return nothing
end

has_key(inside::NamedTuple, key) = key isa Symbol && haskey(inside, key)
has_key(inside::Tuple, key) = key isa Integer && 1 <= key <= length(inside)
has_key(inside::AbstractArray, key) = checkbounds(Bool, inside, key)
has_key(inside::AbstractDict, key) = haskey(inside, key)
has_key(inside, key) = false

# States that Flux 0.14 and before gave call two biases otherwise.
former(plan, dst, key) = key === :bias && dst isa Union{plan.P.Flux.RNNCell,plan.P.Flux.LSTMCell} ? :b : nothing

function has_arrays(plan, @nospecialize(x))
    is_array(x) && return true
    inside = x isa Inert ? x.parts : plan.P.children(x)
    found() = any(key -> has_arrays(plan, inside[key]), keys(inside))
    key = x isa Inert ? inside : x
    return ismutable(key) ? get!(found, plan.seen, key) : found()
end

# An array of the file's where the model has none.
function plan_nowhere!(plan, @nospecialize(dst), @nospecialize(src), to, from)
    if dst === false && is_array(src)
        all(iszero, src) || problem!(plan, to, from, "the model has no bias here, and the file's is not zero (size ", size(src), ")")
        return nothing
    end
    dst === nothing && is_array(src) && return problem!(plan, to, from, "the model has nothing here, and the file an array of size ", size(src))
    return problem!(plan, to, from, "the model has no array here (", summary(dst), "), and the file has", src isa Inert ? string(": ", src.what) : "")
end

# Arrays of the file's that no part of the model asked for. A recurrent layer's state has no place in layers of today.
function plan_rest!(plan, @nospecialize(dst), @nospecialize(key), @nospecialize(value), to, from)
    at = step(from, key isa Symbol ? String(key) : key)
    if key in (:state, :state0) && dst isa recurrent(plan.P)
        all_zero(plan, value) || push!(plan.said, "$at is not loaded: layers of today start from zeros unless a state is passed to them")
        return nothing
    end
    if key in (:μ, :σ²) && dst isa plan.P.Flux.GroupNorm
        push!(plan.said, "$at is not loaded: a GroupNorm of today uses the statistics of the sample")
        return nothing
    end
    return problem!(plan, to, at, "the model has no place for it", is_array(value) ? " (size $(size(value)))" : "")
end

recurrent(P) = Union{P.Flux.RNN,P.Flux.LSTM,P.Flux.GRU,P.Flux.GRUv3,P.Flux.RNNCell,P.Flux.LSTMCell,P.Flux.GRUCell,P.Flux.GRUv3Cell}

function all_zero(plan, @nospecialize(x))
    is_array(x) && return all(iszero, x)
    return all(part -> all_zero(plan, part.second), parts_of(plan, x))
end

# ------------------------------------------------------------------------------------------------------------------- arrays

function plan_array!(plan, @nospecialize(dst), @nospecialize(src), to, from)
    # The state of a transposed weight, as Flux gives it.
    src isa NamedTuple{(:parent,)} && is_array(src.parent) && has_key(plan.P.children(dst), :parent) &&
        return plan_array!(plan, parent(dst), src.parent, step(to, "parent"), step(from, "parent"))
    src === false && return plan_copy!(plan, dst, fill!(Array{eltype(dst)}(undef, size(dst)), 0), to, from)
    src isa Inert && return problem!(plan, to, from, "an array of size ", size(dst), " is wanted, and the file has ", src.what)
    is_array(src) || return problem!(plan, to, from, "an array of size ", size(dst), " is wanted, and the file has ", brief(src))
    size(dst) == size(src) || return problem!(plan, to, from, "the model has size ", size(dst), ", the file ", size(src))
    return plan_copy!(plan, dst, src, to, from)
end

brief(x) = x === nothing ? "nothing" : x === () ? "no value" : x isa Union{Bool,Number,Symbol} ? repr(x) : string("a ", nameof(typeof(x)))

# Where a transposed weight has its memory, and the values as they are there: tied weights are seen to be.
memory(dst::LinearAlgebra.Adjoint, values) = memory(parent(dst), as_parent(parent(dst), adjoint(values)))
memory(dst::LinearAlgebra.Transpose, values) = memory(parent(dst), as_parent(parent(dst), transpose(values)))
memory(dst, values) = dst, values
as_parent(parent, values) = reshape(collect(values), size(parent))

function plan_copy!(plan, @nospecialize(dst), @nospecialize(values), to, from)
    array, values = memory(dst, values)
    converted = try
        Base.convert(Array{eltype(array)}, values)
    catch cause
        cause isa Union{InexactError,MethodError} || rethrow()
        return problem!(plan, to, from, "the file's ", eltype(values), " are no ", eltype(array))
    end
    # What is converted in vain was no array of its own.
    converted = converted === values ? copy(converted) : converted
    if haskey(plan.copies, array)
        before, to_before, from_before = plan.copies[array]
        isequal(before, converted) || problem!(plan, to, from, "the model ties it to ", to_before, ", and the file has another array at ", from_before)
        return nothing
    end
    can_change(array) || return problem!(plan, to, from, "a ", nameof(typeof(array)), " cannot be changed")
    plan.copies[array] = (converted, to, from)
    push!(plan.order, array)
    return nothing
end

can_change(::DenseArray) = true
function can_change(array)
    isempty(array) && return true
    try
        array[begin] = array[begin]
        return true
    catch
        return false
    end
end

# --------------------------------------------------------------------------------------------------------------- flat lists

# Weights without a model: `collect(Flux.params(model))`, or one long vector of `Flux.destructure`.
is_flat(src) = (src isa Union{Tuple,AbstractVector} && !is_array(src) && !isempty(src) && all(is_array, src)) || (src isa AbstractVector{<:Number} && is_array(src))

# A place of a list: an array of the model, or a state that layers of Flux 0.14 and before had among their parameters.
struct Place
    array::Any
    path::String
    layer::Any
end

function plan_flat!(plan, dst, src, from)
    places = Place[]
    places!(places, Base.IdSet{Any}(), plan.P, dst, "model", nothing)
    of_today = filter(place -> place.array !== nothing, places)
    if is_array(src)
        src = cut(plan, of_today, src, from)
        src === nothing && return nothing
    end
    wanted = length(src) == length(of_today) ? of_today : places
    if length(src) != length(wanted)
        return problem!(plan, "model", from, "the model has ", length(of_today), " trainable arrays, and the list ", length(src), sizes(of_today, src))
    end
    for (i, (place, values)) in enumerate(zip(wanted, src))
        at = step(from, i)
        if place.array === nothing
            all(iszero, values) || push!(plan.said, "$at is not loaded: it is the initial state of $(place.path), and layers of today start from zeros unless it is passed to them")
            continue
        end
        values = as_today(plan.P, place, values)
        size(values) == size(place.array) ||
            (problem!(plan, place.path, at, "the model has size ", size(place.array), ", the file ", size(values)); continue)
        plan_copy!(plan, place.array, values, place.path, at)
    end
    others = String[]
    others!(others, Base.IdSet{Any}(Any[place.array for place in of_today]), plan.P, dst, "model")
    isempty(others) || push!(plan.said, "a list of parameters has no $(join(Iterators.take(others, MOST_HINTS), ", ")): they stay as they are")
    return nothing
end

sizes(places, src) = string(": ", join((size(place.array) for place in Iterators.take(places, 8)), ", "), length(places) > 8 ? ", …" : "",
    " and ", join((size(values) for values in Iterators.take(src, 8)), ", "), length(src) > 8 ? ", …" : "")

# One long vector, cut into the arrays that were joined to it.
function cut(plan, places, flat, from)
    total = sum(Int[length(place.array) for place in places])
    total == length(flat) || return problem!(plan, "model", from, "the model has ", total, " trainable parameters, and the vector ", length(flat))
    at = 0
    return map(places) do place
        values = reshape(flat[at+1:at+length(place.array)], size(place.array))
        at += length(place.array)
        values
    end
end

# The trainable arrays in the order of `Flux.trainables`, which is that of `Flux.params` as well: depth first, fields in
# their order, each array once.
function places!(places, seen, P, @nospecialize(x), path, @nospecialize(layer))
    inside = P.children(x)
    if is_array(x) && is_leaf(inside)
        eltype(x) <: Integer || x in seen || (push!(seen, x); push!(places, Place(x, path, layer)))
        return nothing
    end
    is_leaf(inside) && return nothing
    trained = P.trainable(x)
    for key in keys(inside)
        # Flux 0.13 and before gave a tuple without names.
        child = trained isa Tuple && inside isa NamedTuple ? (any(t -> t === inside[key], trained) ? inside[key] : nothing) :
            has_key(trained, key) ? trained[key] : nothing
        child === nothing || places!(places, seen, P, child, step(path, key isa Symbol ? String(key) : key), x)
    end
    states = x isa P.Flux.LSTMCell ? 2 : x isa Union{P.Flux.RNNCell,P.Flux.GRUCell,P.Flux.GRUv3Cell} ? 1 : 0
    for _ in 1:states
        push!(places, Place(nothing, path, x))
    end
    return nothing
end

# Arrays that are not trained: moving means and the like.
function others!(others, trained, P, @nospecialize(x), path)
    inside = P.children(x)
    if is_array(x) && is_leaf(inside)
        x in trained || push!(others, path)
        return nothing
    end
    for key in keys(inside)
        others!(others, trained, P, inside[key], step(path, key isa Symbol ? String(key) : key))
    end
    return nothing
end

# Layouts of the same numbers in the same order that Flux of before had.
function as_today(P, place, values)
    wanted, layer = size(place.array), place.layer
    # A DepthwiseConv's weight, where a Conv of as many groups is today's.
    if layer isa P.Flux.Conv && length(wanted) > 2 && wanted[end-1] == 1 && layer.groups > 1 &&
       size(values) == (wanted[1:end-2]..., wanted[end] ÷ layer.groups, layer.groups)
        return reshape(values, wanted)
    end
    if layer isa P.Flux.GRUv3Cell && place.array === layer.Wh && ndims(values) == 2 && 3size(values, 1) == 2wanted[1] && size(values, 2) == wanted[2]
        return Table.three_blocks(values)
    end
    return values
end
