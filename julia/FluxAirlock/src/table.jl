# What each kind of struct and each function of the closed list becomes. This table is the only way from a name in a file to code.
#
# A row is found by comparing a name with the keys that are written out here. No name of a file is looked up in a module, evaluated or
# parsed. Constructors are taken from `P`, a NamedTuple of modules, by names that are written out too: the same table runs
# under Flux, and, in the tests, under a recorder and under reference layers. What the library's enumerations have and this
# table has not is found by the tests.

module Table

using ..FluxAirlock: Cat, Dropdims, Getindex, Permutedims, Reshape, Softmax, elementwise

"""
    FluxAirlock.Table.Made

A row of the table: `make(P, values...)` gives the value, from what the fields `takes` became. `leaves` are the fields that have no
part in it. `loses` says what a reader has to know of that, where it matters.
"""
struct Made
    takes::Tuple{Vararg{Symbol}}
    leaves::Tuple{Vararg{Symbol}}
    make::Function
    loses::String
end
Made(takes, make; leaves = (), loses = "") = Made(takes, leaves, make, loses)

"""
    FluxAirlock.Table.Kept

A row of the table: such a value is not made, for this reason. What it holds can be read all the same.
"""
struct Kept
    reason::String
end

# Why a value cannot be what it says it is. Given its path by whoever walks the tree.
struct Unfit <: Exception
    message::String
end
unfit(message...) = throw(Unfit(string(message...)))
Base.showerror(io::IO, e::Unfit) = print(io, e.message)

# ------------------------------------------------------------------------------------------------- what may stand in a field

whole(x) = x isa Integer && !(x isa Bool) ? Int(x) : unfit("there is no whole number where one has to be")
wholes(xs) = xs isa Tuple ? map(whole, xs) : unfit("there is no tuple of whole numbers where one has to be")
tuple_of_any(xs) = xs isa Tuple ? xs : unfit("there is no tuple where one has to be")
flag(x) = x isa Bool ? x : unfit("there is neither true nor false where one of them has to be")
switch(x) = x === nothing ? nothing : flag(x)
number(x) = x isa Real && !(x isa Bool) ? x : unfit("there is no number where one has to be")
array(x) = x isa AbstractArray{<:Number} ? x : unfit("there is no array of numbers where one has to be")
arrays(x, n) = ndims(array(x)) == n ? x : unfit("there is an array of ", ndims(x), " dimensions where one of ", n, " has to be")
group(xs) = xs isa Union{Tuple,NamedTuple,AbstractVector} ? xs : unfit("there is no group of layers where one has to be")
# Flux of today takes no vector here, as Flux 0.12 did.
branches(xs) = group(xs) isa AbstractVector ? Tuple(xs) : xs

# The bias of this layer: `false`, or an array of these extents. Before Flux 0.12 a layer took what could be broadcast.
function bias(weight, b, extents::Tuple)
    b === false && return false
    b isa Number && return fill(convert(eltype(weight), b), extents)
    size(array(b)) == extents && return b
    length(b) == prod(extents) && size(b)[1:length(extents)] == extents && return reshape(b, extents)
    unfit("the bias has size ", size(b), ", and the layer needs ", extents)
end

# What Flux keeps under one type parameter.
function alike(a, b)
    typeof(a) === typeof(b) && return a, b
    a isa Real && b isa Real && return promote(a, b)
    if a isa AbstractArray{<:Number} && b isa AbstractArray{<:Number}
        T = promote_type(eltype(a), eltype(b))
        return convert(Array{T}, a), convert(Array{T}, b)
    end
    unfit("one of two that belong together is an array, and the other is not")
end

array_or_nothing(x) = x === nothing ? nothing : arrays(x, 1)

# BatchNorm and InstanceNorm: every field, in order.
function norm(make, λ, β, γ, μ, σ², ϵ, momentum, affine, track_stats, active, chs)
    β, γ = alike(array_or_nothing(β), array_or_nothing(γ))
    μ, σ² = alike(array_or_nothing(μ), array_or_nothing(σ²))
    ϵ, momentum = alike(number(ϵ), number(momentum))
    flag(affine) == (β !== nothing) || unfit("affine is ", affine, ", and β and γ say otherwise")
    flag(track_stats) == (μ !== nothing) || unfit("track_stats is ", track_stats, ", and μ and σ² say otherwise")
    return make(λ, β, γ, μ, σ², ϵ, momentum, affine, track_stats, switch(active), channels(chs, β, μ))
end

function groupnorm(make, G, λ, β, γ, ϵ, momentum, affine, active, chs)
    β, γ = alike(array_or_nothing(β), array_or_nothing(γ))
    ϵ, momentum = alike(number(ϵ), number(momentum))
    flag(affine) == (β !== nothing) || unfit("affine is ", affine, ", and β and γ say otherwise")
    return make(whole(G), λ, β, γ, nothing, nothing, ϵ, momentum, affine, false, switch(active), channels(chs, β))
end

# Layouts of Flux 0.11 and before do not say how many channels there are.
function channels(chs, arrays...)
    chs === nothing || return whole(chs)
    place = findfirst(a -> a !== nothing, arrays)
    place === nothing && unfit("nothing says how many channels there are")
    return length(arrays[place])
end

# Flux 0.15.0 to 0.16.0 have no such keyword, and never return the state.
sequence(make, cell, return_state) = flag(return_state) ? make(cell; return_state = true) : make(cell)

# Layers from Flux 0.15 on have a third block of rows in `Wh`, which is computed and never used.
function three_blocks(Wh)
    rows, out = size(arrays(Wh, 2))
    rows == 2out || return Wh
    return vcat(Wh, fill!(similar(Wh, out, out), 0))
end

modes(mode) = mode in (:nearest, :bilinear, :trilinear) ? mode : unfit("the mode of an Upsample is one of :nearest, :bilinear, :trilinear")

# Optimisers before Flux 0.12.9 did not save ϵ.
rule(make, args...) = make((arg for arg in args if arg !== nothing)...)

function pairs_of(keys, values)
    keys isa AbstractVector && values isa AbstractVector || unfit("its keys and values are no vectors")
    length(keys) == length(values) || unfit("it has ", length(keys), " keys and ", length(values), " values")
    return zip(keys, values)
end

# Keys that are compared by value: those whose hash takes as long as they are.
const PlainKey = Union{Number,AbstractChar,AbstractString,Symbol,Nothing,Missing,Tuple{Vararg{Union{Number,AbstractChar,AbstractString,Symbol}}}}
plain(keys) = all(key -> key isa PlainKey, keys) ? keys : unfit("its keys are no numbers, texts or symbols")

function bits(chunks, len, dims)
    chunks isa AbstractVector{UInt64} || unfit("the bits are in no vector of UInt64")
    dims = wholes(dims)
    n = whole(len)
    0 <= n <= 64 * length(chunks) && all(>=(0), dims) && prod(big.(dims)) == n || unfit("the bits are not as many as the size says")
    return reshape(BitVector(isodd(chunks[(i >> 6)+1] >> (i & 63)) for i in 0:n-1), dims)
end

part(text, offset, len) =
    text isa AbstractString && 0 <= whole(offset) && 0 <= whole(len) && whole(offset) + whole(len) <= ncodeunits(text) ?
    String(codeunits(text)[offset+1:offset+len]) : unfit("the part is not within its string")

const NOT_OF_A_MODEL = "no part of a model. What it holds can be read by its path"
const OF_LUX = "a layer of Lux, which has no weights of its own: they stand beside it, and can be read by their paths"
const OLD_STATE = "what it remembers of each array: rules of Optimisers.jl keep that beside the arrays"

# ------------------------------------------------------------------------------------------------------------------ the table

# By kind, as `FluxAirlock.kinds()` spells it.
const KINDS = Pair{Symbol,Union{Made,Kept}}[
    # Layers: as section 3 of the catalogue of layers says, each by the fields of Flux 0.16.
    :AdaptiveMaxPool => Made((:out,), (P, out) -> P.Flux.AdaptiveMaxPool(wholes(out))),
    :AdaptiveMeanPool => Made((:out,), (P, out) -> P.Flux.AdaptiveMeanPool(wholes(out))),
    :AlphaDropout => Made((:p, :active), (P, p, active) -> P.Flux.AlphaDropout(number(p); active = switch(active)); leaves = (:rng,)),
    :BatchNorm => Made(
        (:λ, :β, :γ, :μ, :σ², :ϵ, :momentum, :affine, :track_stats, :active, :chs), (P, x...) -> norm(P.Flux.BatchNorm, x...)),
    :Bilinear => Made((:weight, :bias, :σ), (P, W, b, σ) -> P.Flux.Bilinear(arrays(W, 3), bias(W, b, (size(W, 1),)), σ)),
    # One argument: several could be taken for something else, such as a tuple that is itself a layer. Without layers a Chain gave back
    # what it was given up to Flux 0.12, and gives `nothing` today.
    :Chain => Made((:layers,), (P, layers) -> P.Flux.Chain(isempty(group(layers)) ? (identity,) : layers)),
    :Conv => Made((:σ, :weight, :bias, :stride, :pad, :dilation, :groups),
        (P, σ, W, b, stride, pad, dilation, groups) -> P.Flux.Conv(
            array(W), bias(W, b, (size(W, ndims(W)),)), σ;
            stride = wholes(stride), pad = wholes(pad), dilation = wholes(dilation), groups = whole(groups))),
    :ConvTranspose => Made((:σ, :weight, :bias, :stride, :pad, :outpad, :dilation, :groups),
        (P, σ, W, b, stride, pad, outpad, dilation, groups) -> P.Flux.ConvTranspose(
            array(W), bias(W, b, (size(W, ndims(W) - 1) * whole(groups),)), σ;
            stride = wholes(stride), pad = wholes(pad), outpad = wholes(outpad), dilation = wholes(dilation), groups = whole(groups))),
    :CrossCor => Made((:σ, :weight, :bias, :stride, :pad, :dilation),
        (P, σ, W, b, stride, pad, dilation) -> P.Flux.CrossCor(
            array(W), bias(W, b, (size(W, ndims(W)),)), σ; stride = wholes(stride), pad = wholes(pad), dilation = wholes(dilation))),
    :Dense => Made((:weight, :bias, :σ), (P, W, b, σ) -> P.Flux.Dense(arrays(W, 2), bias(W, b, (size(W, 1),)), σ)),
    # Its weight is k… × multiplier × in, and a Conv of as many groups as channels has the same numbers in the same order. Flux's own
    # `DepthwiseConv(weight)` takes the multiplier for the number of groups.
    :DepthwiseConv => Made((:σ, :weight, :bias, :stride, :pad, :dilation),
        (P, σ, W, b, stride, pad, dilation) -> P.Flux.Conv(
            reshape(array(W), size(W)[1:end-2]..., 1, :), bias(W, b, (size(W, ndims(W) - 1) * size(W, ndims(W)),)), σ;
            stride = wholes(stride), pad = wholes(pad), dilation = wholes(dilation), groups = size(W, ndims(W)))),
    :Dropout => Made((:p, :dims, :active),
        (P, p, dims, active) -> P.Flux.Dropout(number(p); dims = dims, active = switch(active)); leaves = (:rng,)),
    # Flux before 0.16.11 has no such keyword.
    :Embedding => Made((:weight, :padding_idx), (P, W, padding_idx) -> padding_idx === nothing ? P.Flux.Embedding(arrays(W, 2)) :
        P.Flux.Embedding(arrays(W, 2); padding_idx = whole(padding_idx))),
    :EmbeddingBag => Made((:weight, :reduction), (P, W, reduction) -> P.Flux.EmbeddingBag(arrays(W, 2), reduction)),
    :GlobalMaxPool => Made((), P -> P.Flux.GlobalMaxPool()),
    :GlobalMeanPool => Made((), P -> P.Flux.GlobalMeanPool()),
    :GRU => Made((:cell, :return_state), (P, cell, s) -> sequence(P.Flux.GRU, cell, s)),
    :GRUCell => Made((:Wi, :Wh, :b), (P, Wi, Wh, b) -> P.Flux.GRUCell(arrays(Wi, 2), arrays(Wh, 2), bias(Wi, b, (size(Wi, 1),)))),
    :GRUv3 => Made((:cell, :return_state), (P, cell, s) -> sequence(P.Flux.GRUv3, cell, s)),
    :GRUv3Cell => Made((:Wi, :Wh, :b, :Wh_h̃), (P, Wi, Wh, b, Wh_h̃) ->
        P.Flux.GRUv3Cell(arrays(Wi, 2), three_blocks(Wh), bias(Wi, b, (size(Wi, 1),)), arrays(Wh_h̃, 2))),
    # From Flux 0.14 on the statistics are those of the sample, always.
    :GroupNorm => Made((:G, :λ, :β, :γ, :ϵ, :momentum, :affine, :active, :chs), (P, x...) -> groupnorm(P.Flux.GroupNorm, x...);
        leaves = (:μ, :σ², :track_stats)),
    :InstanceNorm => Made(
        (:λ, :β, :γ, :μ, :σ², :ϵ, :momentum, :affine, :track_stats, :active, :chs), (P, x...) -> norm(P.Flux.InstanceNorm, x...)),
    :LayerNorm => Made((:λ, :diag, :ϵ, :size, :affine),
        (P, λ, diag, ϵ, size, affine) -> P.Flux.LayerNorm(λ, diag, number(ϵ), wholes(size), flag(affine))),
    :LSTM => Made((:cell, :return_state), (P, cell, s) -> sequence(P.Flux.LSTM, cell, s)),
    :LSTMCell => Made((:Wi, :Wh, :bias), (P, Wi, Wh, b) -> P.Flux.LSTMCell(arrays(Wi, 2), arrays(Wh, 2), bias(Wi, b, (size(Wi, 1),)))),
    :MaxPool => Made((:k, :pad, :stride), (P, k, pad, stride) -> P.Flux.MaxPool(wholes(k); pad = wholes(pad), stride = wholes(stride))),
    :Maxout => Made((:layers,), (P, layers) -> P.Flux.Maxout(Tuple(group(layers)))),
    :MeanPool => Made((:k, :pad, :stride), (P, k, pad, stride) -> P.Flux.MeanPool(wholes(k); pad = wholes(pad), stride = wholes(stride))),
    :MultiHeadAttention => Made((:nheads, :q_proj, :k_proj, :v_proj, :attn_drop, :out_proj),
        (P, nheads, q, k, v, drop, out) -> P.Flux.MultiHeadAttention(whole(nheads), q, k, v, drop, out)),
    :PairwiseFusion => Made((:connection, :layers), (P, connection, layers) -> P.Flux.PairwiseFusion(connection, branches(layers))),
    :Parallel => Made((:connection, :layers), (P, connection, layers) -> P.Flux.Parallel(connection, branches(layers))),
    :PixelShuffle => Made((:r,), (P, r) -> P.Flux.PixelShuffle(whole(r))),
    :Recurrence => Made((:cell, :return_state), (P, cell, s) -> sequence(P.Flux.Recurrence, cell, s)),
    :RNN => Made((:cell, :return_state), (P, cell, s) -> sequence(P.Flux.RNN, cell, s)),
    :RNNCell => Made((:σ, :Wi, :Wh, :bias),
        (P, σ, Wi, Wh, b) -> P.Flux.RNNCell(σ, arrays(Wi, 2), arrays(Wh, 2), bias(Wi, b, (size(Wi, 1),)))),
    :Scale => Made((:scale, :bias, :σ), (P, scale, b, σ) -> P.Flux.Scale(array(scale), bias(scale, b, size(scale)), σ)),
    :SkipConnection => Made((:layers, :connection), (P, layers, connection) -> P.Flux.SkipConnection(layers, connection)),
    :Upsample => Made((:mode, :scale, :size), (P, mode, scale, size) ->
        size === nothing ? P.Flux.Upsample(modes(mode); scale = scale) : P.Flux.Upsample(modes(mode); scale = scale, size = wholes(size))),
    :WeightNorm => Made((:layer, :g, :which, :dims), (P, layer, g, which, dims) -> P.Flux.WeightNorm(layer, array(g), which, dims)),

    # What can be called, beside layers and functions.
    Symbol("Base.Broadcast.BroadcastFunction") => Made((:f,), (P, f) -> elementwise(f)),
    Symbol("FluxAirlock.Cat") => Made((:dims,), (P, dims) -> Cat(dims)),
    Symbol("Base.ComposedFunction") => Made((:outer, :inner), (P, outer, inner) -> outer ∘ inner),
    Symbol("FluxAirlock.Dropdims") => Made((:dims,), (P, dims) -> Dropdims(dims)),
    Symbol("Base.Fix1") => Made((:f, :x), (P, f, x) -> Base.Fix1(f, x)),
    Symbol("Base.Fix2") => Made((:f, :x), (P, f, x) -> Base.Fix2(f, x)),
    Symbol("FluxAirlock.Getindex") => Made((:indices,), (P, indices) -> Getindex(tuple_of_any(indices))),
    Symbol("FluxAirlock.Logsoftmax") => Made((:dims,), (P, dims) -> Softmax(P.NNlib.logsoftmax, dims)),
    Symbol("FluxAirlock.Permutedims") => Made((:perm,), (P, perm) -> Permutedims(wholes(perm))),
    Symbol("FluxAirlock.Reshape") => Made((:dims,), (P, dims) -> Reshape(dims)),
    Symbol("FluxAirlock.Softmax") => Made((:dims,), (P, dims) -> Softmax(P.NNlib.softmax, dims)),
    Symbol("Optimisers.Restructure") => Made((:model, :offsets, :length),
        (P, model, offsets, length) -> P.Optimisers.Restructure(model, offsets, whole(length))),

    # Julia's own data, as far as it can stand in a model or beside its weights.
    Symbol("Base.GMP.BigInt") => Kept("a number whose digits are not in the file"),
    Symbol("Base.Colon") => Made((), P -> Colon()),
    Symbol("Base.Complex") => Made((:re, :im), (P, re, im) -> complex(number(re), number(im))),
    Symbol("Dates.Date") => Kept(NOT_OF_A_MODEL),
    Symbol("Dates.DateTime") => Kept(NOT_OF_A_MODEL),
    Symbol("Dates.Day") => Kept(NOT_OF_A_MODEL),
    Symbol("Base.Dict") => Made((:keys, :values), (P, keys, values) -> Dict{Any,Any}(pairs_of(plain(keys), values))),
    Symbol("Core.GenericMemory") => Kept("memory whose numbers are not in the file"),
    Symbol("Base.IdDict") => Made((:keys, :values), (P, keys, values) -> IdDict{Any,Any}(k => v for (k, v) in pairs_of(keys, values))),
    Symbol("Base.IdSet") => Made((:dict,), (P, dict) -> (set = Base.IdSet{Any}(); foreach(x -> push!(set, x), keys(dict)); set)),
    Symbol("Base.LinRange") => Made((:start, :stop, :len), (P, start, stop, len) -> LinRange(start, stop, whole(len)); leaves = (:lendiv,)),
    Symbol("Dates.Millisecond") => Kept(NOT_OF_A_MODEL),
    Symbol("Base.Missing") => Made((), P -> missing),
    Symbol("Base.OneTo") => Made((:stop,), (P, stop) -> Base.OneTo(whole(stop))),
    Symbol("Base.Pair") => Made((:first, :second), (P, a, b) -> a => b),
    Symbol("Base.Rational") => Made((:num, :den), (P, num, den) -> num // den),
    Symbol("Base.RefValue") => Made((:x,), (P, x) -> Ref{Any}(x)),
    Symbol("Base.Set") => Made((:dict,), (P, dict) -> Set{Any}(keys(dict))),
    Symbol("Base.MultiplicativeInverses.SignedMultiplicativeInverse") => Kept(NOT_OF_A_MODEL),
    Symbol("Base.Slice") => Kept(NOT_OF_A_MODEL),
    Symbol("Base.Some") => Made((:value,), (P, x) -> Some(x)),
    Symbol("Base.StepRange") => Made((:start, :step, :stop), (P, start, step, stop) -> start:step:stop),
    Symbol("Base.StepRangeLen") => Kept("a range whose eltype the tree does not say"),
    Symbol("Base.SubString") => Made((:string, :offset, :ncodeunits), (P, x...) -> part(x...)),
    Symbol("Base.TwicePrecision") => Kept(NOT_OF_A_MODEL),
    Symbol("BSON.Undef") => Kept("an element that was never assigned"),
    Symbol("Base.UnitRange") => Made((:start, :stop), (P, start, stop) -> start:stop),
    Symbol("Dates.UTInstant") => Kept(NOT_OF_A_MODEL),
    Symbol("Base.VersionNumber") => Made((:major, :minor, :patch, :prerelease, :build), (P, x...) -> VersionNumber(x...)),
    Symbol("Lux.BatchNorm") => Kept(OF_LUX),
    Symbol("Lux.Chain") => Kept(OF_LUX),
    Symbol("Lux.Conv") => Kept(OF_LUX),
    Symbol("Lux.Dense") => Kept(OF_LUX),
    Symbol("Lux.GRUCell") => Kept(OF_LUX),
    Symbol("Lux.LSTMCell") => Kept(OF_LUX),
    Symbol("Lux.RNNCell") => Kept(OF_LUX),
    Symbol("Lux.SkipConnection") => Kept(OF_LUX),
    Symbol("Static.False") => Made((), P -> false),
    Symbol("Static.True") => Made((), P -> true),
    Symbol("Tracker.Call") => Kept("the record of a call that a gradient went through"),
    # The order is what counts: the set beside it has the same arrays.
    Symbol("Tracker.Params") => Made((:order,), (P, order) ->
        order === nothing ? unfit("Flux before 0.7 did not save in which order the arrays are") : order; leaves = (:params,)),
    Symbol("Tracker.Tracked") => Kept("the record of a call that a gradient went through"),
    Symbol("Zygote.Buffer") => Made((:data,), (P, data) -> data; leaves = (:freeze,)),
    Symbol("Zygote.Params") => Made((:order,), (P, order) -> order; leaves = (:params,)),

    # Rules of Optimisers.jl, and what they keep.
    Symbol("Optimisers.AccumGrad") => Made((:n,), (P, n) -> P.Optimisers.AccumGrad(whole(n))),
    Symbol("Optimisers.AdaBelief") => Made((:eta, :beta, :epsilon), (P, x...) -> P.Optimisers.AdaBelief(x...)),
    Symbol("Optimisers.AdaDelta") => Made((:rho, :epsilon), (P, x...) -> P.Optimisers.AdaDelta(x...)),
    Symbol("Optimisers.AdaGrad") => Made((:eta, :epsilon), (P, x...) -> P.Optimisers.AdaGrad(x...)),
    Symbol("Optimisers.AdaMax") => Made((:eta, :beta, :epsilon), (P, x...) -> P.Optimisers.AdaMax(x...)),
    Symbol("Optimisers.Adam") => Made((:eta, :beta, :epsilon), (P, x...) -> P.Optimisers.Adam(x...)),
    Symbol("Optimisers.AdamW") => Made((:eta, :beta, :lambda, :epsilon, :couple),
        (P, eta, beta, lambda, epsilon, couple) -> P.Optimisers.AdamW(eta, beta, lambda, epsilon; couple = flag(couple))),
    Symbol("Optimisers.AMSGrad") => Made((:eta, :beta, :epsilon), (P, x...) -> P.Optimisers.AMSGrad(x...)),
    Symbol("Optimisers.ClipGrad") => Made((:delta,), (P, delta) -> P.Optimisers.ClipGrad(delta)),
    Symbol("Optimisers.ClipNorm") => Made((:omega, :p, :throw), (P, omega, p, throw) -> P.Optimisers.ClipNorm(omega, p; throw = flag(throw))),
    Symbol("Optimisers.Descent") => Made((:eta,), (P, eta) -> P.Optimisers.Descent(eta)),
    Symbol("Optimisers.Leaf") => Made((:rule, :state, :frozen), (P, rule, state, frozen) -> P.Optimisers.Leaf(rule, state; frozen = flag(frozen))),
    Symbol("Optimisers.Lion") => Made((:eta, :beta), (P, x...) -> P.Optimisers.Lion(x...)),
    Symbol("Optimisers.MixedPrecision") => Kept("a rule whose precision the tree does not say"),
    Symbol("Optimisers.Momentum") => Made((:eta, :rho), (P, x...) -> P.Optimisers.Momentum(x...)),
    Symbol("Optimisers.NAdam") => Made((:eta, :beta, :epsilon), (P, x...) -> P.Optimisers.NAdam(x...)),
    Symbol("Optimisers.Nesterov") => Made((:eta, :rho), (P, x...) -> P.Optimisers.Nesterov(x...)),
    Symbol("Optimisers.OAdam") => Made((:eta, :beta, :epsilon), (P, x...) -> P.Optimisers.OAdam(x...)),
    Symbol("Optimisers.OptimiserChain") => Made((:opts,), (P, opts) -> P.Optimisers.OptimiserChain(opts...)),
    Symbol("Optimisers.RAdam") => Made((:eta, :beta, :epsilon), (P, x...) -> P.Optimisers.RAdam(x...)),
    Symbol("Optimisers.RMSProp") => Made((:eta, :rho, :epsilon, :centred),
        (P, eta, rho, epsilon, centred) -> P.Optimisers.RMSProp(eta, rho, epsilon; centred = flag(centred))),
    Symbol("Optimisers.Rprop") => Made((:eta, :ell, :gamma), (P, x...) -> P.Optimisers.Rprop(x...)),
    Symbol("Optimisers.SignDecay") => Made((:lambda,), (P, lambda) -> P.Optimisers.SignDecay(lambda)),
    Symbol("Optimisers.WeightDecay") => Made((:lambda,), (P, lambda) -> P.Optimisers.WeightDecay(lambda)),

    # Optimisers of Flux before 0.15, as the rules of today.
    Symbol("Flux.Optimise.AdaBelief") => Made((:eta, :beta, :epsilon), (P, x...) -> rule(P.Optimisers.AdaBelief, x...); leaves = (:state,), loses = OLD_STATE),
    Symbol("Flux.Optimise.AdaDelta") => Made((:rho, :epsilon), (P, x...) -> rule(P.Optimisers.AdaDelta, x...); leaves = (:state,), loses = OLD_STATE),
    Symbol("Flux.Optimise.AdaGrad") => Made((:eta, :epsilon), (P, x...) -> rule(P.Optimisers.AdaGrad, x...); leaves = (:acc,), loses = OLD_STATE),
    Symbol("Flux.Optimise.AdaMax") => Made((:eta, :beta, :epsilon), (P, x...) -> rule(P.Optimisers.AdaMax, x...); leaves = (:state,), loses = OLD_STATE),
    Symbol("Flux.Optimise.Adam") => Made((:eta, :beta, :epsilon), (P, x...) -> rule(P.Optimisers.Adam, x...); leaves = (:state,), loses = OLD_STATE),
    Symbol("Flux.Optimise.AMSGrad") => Made((:eta, :beta, :epsilon), (P, x...) -> rule(P.Optimisers.AMSGrad, x...); leaves = (:state,), loses = OLD_STATE),
    Symbol("Flux.Optimise.ClipNorm") => Made((:thresh,), (P, thresh) -> P.Optimisers.ClipNorm(thresh)),
    Symbol("Flux.Optimise.ClipValue") => Made((:thresh,), (P, thresh) -> P.Optimisers.ClipGrad(thresh)),
    Symbol("Flux.Optimise.Descent") => Made((:eta,), (P, eta) -> P.Optimisers.Descent(eta)),
    Symbol("Flux.Optimise.ExpDecay") => Kept("a schedule, which Optimisers.jl has no rule for: set the rate with `Flux.adjust!`"),
    Symbol("Flux.Optimise.InvDecay") => Kept("a schedule, which Optimisers.jl has no rule for: set the rate with `Flux.adjust!`"),
    Symbol("Flux.Optimise.Momentum") => Made((:eta, :rho), (P, x...) -> P.Optimisers.Momentum(x...); leaves = (:velocity,), loses = OLD_STATE),
    Symbol("Flux.Optimise.NAdam") => Made((:eta, :beta, :epsilon), (P, x...) -> rule(P.Optimisers.NAdam, x...); leaves = (:state,), loses = OLD_STATE),
    Symbol("Flux.Optimise.Nesterov") => Made((:eta, :rho), (P, x...) -> P.Optimisers.Nesterov(x...); leaves = (:velocity,), loses = OLD_STATE),
    Symbol("Flux.Optimise.OAdam") => Made((:eta, :beta, :epsilon), (P, x...) -> rule(P.Optimisers.OAdam, x...); leaves = (:state,), loses = OLD_STATE),
    Symbol("Flux.Optimise.Optimiser") => Made((:os,), (P, os) -> P.Optimisers.OptimiserChain(os...)),
    Symbol("Flux.Optimise.RAdam") => Made((:eta, :beta, :epsilon), (P, x...) -> rule(P.Optimisers.RAdam, x...); leaves = (:state,), loses = OLD_STATE),
    Symbol("Flux.Optimise.RMSProp") => Made((:eta, :rho, :epsilon), (P, x...) -> rule(P.Optimisers.RMSProp, x...); leaves = (:acc,), loses = OLD_STATE),
    Symbol("Flux.Optimise.SignDecay") => Made((:lambda,), (P, lambda) -> P.Optimisers.SignDecay(lambda)),
    Symbol("Flux.Optimise.WeightDecay") => Made((:wd,), (P, wd) -> P.Optimisers.WeightDecay(wd)),

    # Generators of random numbers. Layers are given the one of this session, whatever theirs was.
    Symbol("Random.DSFMT.DSFMT_state") => Kept("the state of a generator of random numbers"),
    Symbol("Random.MersenneTwister") => Kept("the state of a generator of random numbers"),
    Symbol("Random.RandomDevice") => Made((), P -> P.Random.RandomDevice()),
    Symbol("Random.TaskLocalRNG") => Made((), P -> P.Random.default_rng()),
    Symbol("Random.Xoshiro") => Made((:s0, :s1, :s2, :s3), (P, s...) -> P.Random.Xoshiro(s...); leaves = (:s4,)),

    # Arrays of other forms. A transposed weight stays one, so that it stays tied to the array it is made of.
    Symbol("LinearAlgebra.Adjoint") => Made((:parent,), (P, parent) -> adjoint(array(parent))),
    Symbol("Base.BitArray") => Made((:chunks, :len, :dims), (P, x...) -> bits(x...)),
    Symbol("LinearAlgebra.Diagonal") => Made((:diag,), (P, diag) -> P.LinearAlgebra.Diagonal(arrays(diag, 1))),
    Symbol("OneHotArrays.OneHotArray") => Made((:indices, :nlabels),
        (P, indices, nlabels) -> P.OneHotArrays.OneHotArray(indices, whole(nlabels))),
    Symbol("Flux.OneHotMatrix") => Kept("one-hot columns whose bytes are packed structs"),
    Symbol("Flux.OneHotVector") => Made((:ix, :of), (P, ix, of) -> P.OneHotArrays.OneHotArray(ix, whole(of))),
    Symbol("Base.PermutedDimsArrays.PermutedDimsArray") => Kept("an array whose permutation the tree does not say"),
    Symbol("Base.ReinterpretArray") => Kept("an array whose eltype the tree does not say"),
    Symbol("Base.ReshapedArray") => Made((:parent, :dims), (P, parent, dims) -> reshape(collect(array(parent)), wholes(dims)); leaves = (:mi,)),
    Symbol("StaticArrays.SArray") => Kept("an array whose size the tree does not say"),
    Symbol("SparseArrays.SparseMatrixCSC") => Kept("a sparse matrix, which no layer of Flux has for a weight"),
    Symbol("FluxAirlock.Squared") => Made((:root,), (P, root) -> array(root) .^ 2),
    Symbol("Base.SubArray") => Kept("a view: its parent can be read by its path"),
    Symbol("LinearAlgebra.Symmetric") => Made((:data, :uplo),
        (P, data, uplo) -> P.LinearAlgebra.Symmetric(arrays(data, 2), uplo == 'L' ? :L : :U)),
    Symbol("LinearAlgebra.Transpose") => Made((:parent,), (P, parent) -> transpose(array(parent))),
]

# By module and name, as `FluxAirlock.functions()` spells it.
const FUNCTIONS = Pair{Symbol,Function}[
    Symbol("Base.abs") => P -> abs,
    Symbol("Base.abs2") => P -> abs2,
    Symbol("Base.Broadcast.broadcast") => P -> broadcast,
    Symbol("Base.cat") => P -> cat,
    Symbol("Base.cos") => P -> cos,
    Symbol("Base./") => P -> /,
    Symbol("Base.dropdims") => P -> dropdims,
    Symbol("Base.exp") => P -> exp,
    Symbol("Base.first") => P -> first,
    Symbol("Base.hcat") => P -> hcat,
    Symbol("Base.identity") => P -> identity,
    Symbol("Base.lastindex") => P -> lastindex,
    Symbol("Base.log") => P -> log,
    Symbol("Base.max") => P -> max,
    Symbol("Base.maximum") => P -> maximum,
    Symbol("Base.min") => P -> min,
    Symbol("Base.minimum") => P -> minimum,
    Symbol("Base.-") => P -> -,
    Symbol("Base.permutedims") => P -> permutedims,
    Symbol("Base.+") => P -> +,
    Symbol("Base.prod") => P -> prod,
    Symbol("Base.reshape") => P -> reshape,
    Symbol("Base.sin") => P -> sin,
    Symbol("Base.sqrt") => P -> sqrt,
    Symbol("Base.sum") => P -> sum,
    Symbol("Base.tan") => P -> tan,
    Symbol("Base.tanh") => P -> tanh,
    Symbol("Base.*") => P -> *,
    Symbol("Base.vcat") => P -> vcat,
    Symbol("Base.vec") => P -> vec,
    Symbol("Statistics.mean") => P -> P.Statistics.mean,
    Symbol("Flux.cpu") => P -> P.Flux.cpu,
    Symbol("Flux.flatten") => P -> P.Flux.flatten,
    Symbol("Flux.gpu") => P -> P.Flux.gpu,
    Symbol("Flux.normalise") => P -> P.Flux.normalise,
    Symbol("Flux.unsqueeze") => P -> P.Flux.unsqueeze,
    Symbol("MLUtils.flatten") => P -> P.MLUtils.flatten,
    Symbol("MLUtils.unsqueeze") => P -> P.MLUtils.unsqueeze,
    Symbol("NNlib.celu") => P -> P.NNlib.celu,
    Symbol("NNlib.elu") => P -> P.NNlib.elu,
    Symbol("NNlib.gelu_erf") => P -> P.NNlib.gelu_erf,
    Symbol("NNlib.gelu_sigmoid") => P -> P.NNlib.gelu_sigmoid,
    Symbol("NNlib.gelu_tanh") => P -> P.NNlib.gelu_tanh,
    Symbol("NNlib.hardσ") => P -> P.NNlib.hardσ,
    Symbol("NNlib.hardswish") => P -> P.NNlib.hardswish,
    Symbol("NNlib.hardtanh") => P -> P.NNlib.hardtanh,
    Symbol("NNlib.leakyrelu") => P -> P.NNlib.leakyrelu,
    Symbol("NNlib.lisht") => P -> P.NNlib.lisht,
    Symbol("NNlib.logσ") => P -> P.NNlib.logσ,
    Symbol("NNlib.logcosh") => P -> P.NNlib.logcosh,
    Symbol("NNlib.logsoftmax") => P -> P.NNlib.logsoftmax,
    Symbol("NNlib.maxpool") => P -> P.NNlib.maxpool,
    Symbol("NNlib.meanpool") => P -> P.NNlib.meanpool,
    Symbol("NNlib.mish") => P -> P.NNlib.mish,
    Symbol("NNlib.relu") => P -> P.NNlib.relu,
    Symbol("NNlib.relu6") => P -> P.NNlib.relu6,
    Symbol("NNlib.rrelu") => P -> P.NNlib.rrelu,
    Symbol("NNlib.selu") => P -> P.NNlib.selu,
    Symbol("NNlib.σ") => P -> P.NNlib.σ,
    Symbol("NNlib.sigmoid_fast") => P -> P.NNlib.sigmoid_fast,
    Symbol("NNlib.softmax") => P -> P.NNlib.softmax,
    Symbol("NNlib.softplus") => P -> P.NNlib.softplus,
    Symbol("NNlib.softshrink") => P -> P.NNlib.softshrink,
    Symbol("NNlib.softsign") => P -> P.NNlib.softsign,
    Symbol("NNlib.swish") => P -> P.NNlib.swish,
    Symbol("NNlib.tanh_fast") => P -> P.NNlib.tanh_fast,
    Symbol("NNlib.tanhshrink") => P -> P.NNlib.tanhshrink,
    Symbol("NNlib.trelu") => P -> P.NNlib.trelu,
    Symbol("Flux.Losses.binary_focal_loss") => P -> P.Losses.binary_focal_loss,
    Symbol("Flux.Losses.binarycrossentropy") => P -> P.Losses.binarycrossentropy,
    Symbol("Flux.Losses.crossentropy") => P -> P.Losses.crossentropy,
    Symbol("Flux.Losses.dice_coeff_loss") => P -> P.Losses.dice_coeff_loss,
    Symbol("Flux.Losses.focal_loss") => P -> P.Losses.focal_loss,
    Symbol("Flux.Losses.hinge_loss") => P -> P.Losses.hinge_loss,
    Symbol("Flux.Losses.huber_loss") => P -> P.Losses.huber_loss,
    Symbol("Flux.Losses.kldivergence") => P -> P.Losses.kldivergence,
    Symbol("Flux.Losses.logitbinarycrossentropy") => P -> P.Losses.logitbinarycrossentropy,
    Symbol("Flux.Losses.logitcrossentropy") => P -> P.Losses.logitcrossentropy,
    Symbol("Flux.Losses.mae") => P -> P.Losses.mae,
    Symbol("Flux.Losses.mse") => P -> P.Losses.mse,
    Symbol("Flux.Losses.msle") => P -> P.Losses.msle,
    Symbol("Flux.Losses.poisson_loss") => P -> P.Losses.poisson_loss,
    Symbol("Flux.Losses.siamese_contrastive_loss") => P -> P.Losses.siamese_contrastive_loss,
    Symbol("Flux.Losses.squared_hinge_loss") => P -> P.Losses.squared_hinge_loss,
    Symbol("Flux.Losses.tversky_loss") => P -> P.Losses.tversky_loss,
]

const KIND_ROWS = Dict(KINDS)
const FUNCTION_ROWS = Dict(FUNCTIONS)

end
