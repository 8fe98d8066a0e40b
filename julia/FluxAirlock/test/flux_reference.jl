# Flux's layers of today in plain Julia, by their formulas and with loops: slow, short, and independent of Flux and NNlib. With them the
# table's models can be called where Flux cannot be installed.
#
# Conventions are those of Flux 0.16: images are width × height × channels × samples, sequences are features × time × samples,
# kernels of `Conv` and `ConvTranspose` are flipped, nothing is in training mode.
module Reference

using LinearAlgebra, Random, Statistics

# Each model is called once: compiling would take longer than it could save.
Base.Experimental.@optlevel 0

# ------------------------------------------------------------------------------------------------------------------ functions

σ(x) = 1 / (1 + exp(-x))
const sigmoid_fast = σ
const tanh_fast = tanh
relu(x) = max(zero(x), x)
relu6(x) = clamp(x, zero(x), oftype(x, 6))
leakyrelu(x, a = oftype(float(x), 0.01)) = x > 0 ? float(x) : a * x
elu(x, a = one(float(x))) = x >= 0 ? float(x) : a * (exp(x) - 1)
celu(x) = x >= 0 ? float(x) : exp(x) - 1
selu(x) = oftype(float(x), 1.0507009873554805) * elu(x, oftype(float(x), 1.6732632423543772))
swish(x) = x * σ(x)
softplus(x) = log1p(exp(-abs(x))) + relu(x)
softsign(x) = x / (1 + abs(x))
logσ(x) = -softplus(-x)
logcosh(x) = x + softplus(-2x) - log(oftype(float(x), 2))
mish(x) = x * tanh(softplus(x))
tanhshrink(x) = x - tanh(x)
softshrink(x) = x > 0.5 ? x - oftype(x, 0.5) : x < -0.5 ? x + oftype(x, 0.5) : zero(x)
hardtanh(x) = clamp(x, -one(x), one(x))
hardσ(x) = clamp((x + 3) / 6, zero(float(x)), one(float(x)))
hardswish(x) = x * hardσ(x)
lisht(x) = x * tanh(x)
trelu(x) = x > 1 ? x : zero(x)
gelu_tanh(x) = x / 2 * (1 + tanh(oftype(float(x), sqrt(2 / pi)) * (x + oftype(float(x), 0.044715) * x^3)))
gelu_sigmoid(x) = x * σ(oftype(float(x), 1.702) * x)
softmax(x; dims = 1) = (e = exp.(x .- maximum(x; dims = dims)); e ./ sum(e; dims = dims))
logsoftmax(x; dims = 1) = (d = x .- maximum(x; dims = dims); d .- log.(sum(exp.(d); dims = dims)))
flatten(x) = reshape(x, :, size(x, ndims(x)))
const cpu = identity
const gpu = identity
mse(a, b) = mean(abs2, a .- b)
mae(a, b) = mean(abs, a .- b)
logitcrossentropy(a, b) = -mean(sum(b .* logsoftmax(a); dims = 1))
crossentropy(a, b) = -mean(sum(b .* log.(a); dims = 1))

# ----------------------------------------------------------------------------------------------------------------- containers

struct Chain{T<:Union{Tuple,NamedTuple,AbstractVector}}
    layers::T
end
(c::Chain)(x) = foldl((x, f) -> f(x), values(c.layers); init = x)

struct Parallel{F,T<:Union{Tuple,NamedTuple}}
    connection::F
    layers::T
end
(p::Parallel)(x) = p.connection(map(f -> f(x), Tuple(p.layers))...)

struct PairwiseFusion{F,T<:Union{Tuple,NamedTuple}}
    connection::F
    layers::T
end
function (p::PairwiseFusion)(xs::Tuple)
    x, ys = xs[1], ()
    for (i, f) in enumerate(Tuple(p.layers))
        i == 1 || (x = p.connection(last(ys), xs[i]))
        ys = (ys..., f(x))
    end
    return ys
end

struct SkipConnection{T,F}
    layers::T
    connection::F
end
(s::SkipConnection)(x) = s.connection(s.layers(x), x)

struct Maxout{T<:Tuple}
    layers::T
end
(m::Maxout)(x) = reduce((a, b) -> max.(a, b), map(f -> f(x), m.layers))

struct WeightNorm{L,G,D}
    layer::L
    g::G
    which::Symbol
    dims::D
end

# ---------------------------------------------------------------------------------------------------------------------- dense

struct Dense{F,M<:AbstractMatrix,B}
    weight::M
    bias::B
    σ::F
end
Dense(W, b) = Dense(W, b, identity)
(d::Dense)(x::AbstractVecOrMat) = d.σ.(d.weight * x .+ d.bias)
(d::Dense)(x::AbstractArray) = reshape(d(reshape(x, size(x, 1), :)), :, size(x)[2:end]...)

struct Scale{F,A<:AbstractArray,B}
    scale::A
    bias::B
    σ::F
end
(s::Scale)(x) = s.σ.(s.scale .* x .+ s.bias)

struct Bilinear{F,A,B}
    weight::A
    bias::B
    σ::F
end
function (l::Bilinear)(x::AbstractVector, y::AbstractVector)
    z = [sum(l.weight[o, i, j] * x[i] * y[j] for i in eachindex(x), j in eachindex(y)) for o in 1:size(l.weight, 1)]
    return l.σ.(z .+ l.bias)
end

struct Embedding{W<:AbstractMatrix,I}
    weight::W
    padding_idx::I
end
Embedding(weight; padding_idx = nothing) = Embedding(weight, padding_idx)
(e::Embedding)(x::AbstractVector{<:Integer}) = e.weight[:, x] .* reshape([i != e.padding_idx for i in x], 1, :)

struct EmbeddingBag{F,W<:AbstractMatrix}
    weight::W
    reduction::F
end

# --------------------------------------------------------------------------------------------------------------------- images

struct Conv{N,M,F,A,V}
    σ::F
    weight::A
    bias::V
    stride::NTuple{N,Int}
    pad::NTuple{M,Int}
    dilation::NTuple{N,Int}
    groups::Int
end
Conv(w, b, σ; stride, pad, dilation, groups) = Conv(σ, w, b, stride, pad, dilation, groups)

struct CrossCor{N,M,F,A,V}
    σ::F
    weight::A
    bias::V
    stride::NTuple{N,Int}
    pad::NTuple{M,Int}
    dilation::NTuple{N,Int}
end
CrossCor(w, b, σ; stride, pad, dilation) = CrossCor(σ, w, b, stride, pad, dilation)

struct ConvTranspose{N,M,F,A,V}
    σ::F
    weight::A
    bias::V
    stride::NTuple{N,Int}
    pad::NTuple{M,Int}
    outpad::NTuple{N,Int}
    dilation::NTuple{N,Int}
    groups::Int
end
ConvTranspose(w, b, σ; stride, pad, outpad, dilation, groups) = ConvTranspose(σ, w, b, stride, pad, outpad, dilation, groups)

low(pad) = pad[1:2:end]
both(pad) = pad[1:2:end] .+ pad[2:2:end]
add_bias(y, b) = y .+ (b isa AbstractVector ? reshape(b, ntuple(_ -> 1, ndims(y) - 2)..., :, 1) : b)
flipped(w) = reverse_all(w, ndims(w) - 2)
reverse_all(w, n) = foldl((w, d) -> reverse(w; dims = d), 1:n; init = w)

# Where the window's cell `k` lies for the output `o`.
cell(o, k, stride, pad, dilation) = CartesianIndex((Tuple(o) .- 1) .* stride .+ (Tuple(k) .- 1) .* dilation .+ 1 .- low(pad))

function correlate(x, w, stride, pad, dilation, groups)
    n = ndims(x) - 2
    extent, window = size(x)[1:n], size(w)[1:n]
    out = (extent .+ both(pad) .- (window .- 1) .* dilation .- 1) .÷ stride .+ 1
    inside, outside = size(w, n + 1), size(w, n + 2) ÷ groups
    y = zeros(eltype(x), out..., size(w, n + 2), size(x)[end])
    all_cells = CartesianIndices(extent)
    for sample in axes(x, n + 2), c in axes(w, n + 2), i in 1:inside, o in CartesianIndices(out), k in CartesianIndices(window)
        at = cell(o, k, stride, pad, dilation)
        at in all_cells || continue
        y[o, c, sample] += w[k, i, c] * x[at, i+inside*((c-1)÷outside), sample]
    end
    return y
end

(l::Conv)(x) = l.σ.(add_bias(correlate(x, flipped(l.weight), l.stride, l.pad, l.dilation, l.groups), l.bias))
(l::CrossCor)(x) = l.σ.(add_bias(correlate(x, l.weight, l.stride, l.pad, l.dilation, 1), l.bias))

# The transpose of what `Conv` does: what a window has read, it is given.
function (l::ConvTranspose)(x)
    n = ndims(x) - 2
    w = flipped(l.weight)
    window = size(w)[1:n]
    out = (size(x)[1:n] .- 1) .* l.stride .+ 1 .+ (window .- 1) .* l.dilation .- both(l.pad) .+ l.outpad
    inside, outside = size(w, n + 1), size(w, n + 2) ÷ l.groups
    y = zeros(eltype(x), out..., inside * l.groups, size(x)[end])
    all_cells = CartesianIndices(out)
    for sample in axes(x, n + 2), c in axes(w, n + 2), i in 1:inside, o in CartesianIndices(size(x)[1:n]), k in CartesianIndices(window)
        at = cell(o, k, l.stride, l.pad, l.dilation)
        at in all_cells || continue
        y[at, i+inside*((c-1)÷outside), sample] += w[k, i, c] * x[o, c, sample]
    end
    return l.σ.(add_bias(y, l.bias))
end

function pool(join, x, k, pad, stride)
    n = ndims(x) - 2
    extent = size(x)[1:n]
    out = (extent .+ both(pad) .- k) .÷ stride .+ 1
    all_cells = CartesianIndices(extent)
    ones = ntuple(_ -> 1, n)
    return [join([x[at, c, s] for at in (cell(o, i, stride, pad, ones) for i in CartesianIndices(k)) if at in all_cells], prod(k))
            for o in CartesianIndices(out), c in axes(x, n + 1), s in axes(x, n + 2)]
end
# Cells of the padding count as zeros, where they are averaged.
mean_of(cells, count) = sum(cells) / count
max_of(cells, count) = maximum(cells)

struct MaxPool{N,M}
    k::NTuple{N,Int}
    pad::NTuple{M,Int}
    stride::NTuple{N,Int}
end
MaxPool(k; pad, stride) = MaxPool(k, pad, stride)
struct MeanPool{N,M}
    k::NTuple{N,Int}
    pad::NTuple{M,Int}
    stride::NTuple{N,Int}
end
MeanPool(k; pad, stride) = MeanPool(k, pad, stride)
(p::MaxPool)(x) = pool(max_of, x, p.k, p.pad, p.stride)
(p::MeanPool)(x) = pool(mean_of, x, p.k, p.pad, p.stride)
maxpool(x, k) = MaxPool(k; pad = ntuple(_ -> 0, 2length(k)), stride = k)(x)
meanpool(x, k) = MeanPool(k; pad = ntuple(_ -> 0, 2length(k)), stride = k)(x)

struct AdaptiveMaxPool{O}
    out::NTuple{O,Int}
end
struct AdaptiveMeanPool{O}
    out::NTuple{O,Int}
end
struct GlobalMaxPool end
struct GlobalMeanPool end
function adaptive(join, x, out)
    extent = size(x)[1:end-2]
    stride = extent .÷ out
    return pool(join, x, extent .- (out .- 1) .* stride, ntuple(_ -> 0, 2length(out)), stride)
end
(p::AdaptiveMaxPool)(x) = adaptive(max_of, x, p.out)
(p::AdaptiveMeanPool)(x) = adaptive(mean_of, x, p.out)
(::GlobalMaxPool)(x) = maximum(x; dims = 1:ndims(x)-2)
(::GlobalMeanPool)(x) = mean(x; dims = 1:ndims(x)-2)

struct Upsample{S,T}
    mode::Symbol
    scale::S
    size::T
end
Upsample(mode; scale = nothing, size = nothing) = Upsample(mode, scale, size)
(u::Upsample)(x) = u.mode === :nearest && u.scale !== nothing ? repeat_cells(x, u.scale) : error("only :nearest with a scale is here")
function repeat_cells(x, scale)
    n = ndims(x) - 2
    scale = scale isa Tuple ? scale : ntuple(_ -> scale, n)
    return repeat(x; inner = (scale..., 1, 1))
end

struct PixelShuffle
    r::Int
end
function (p::PixelShuffle)(x)
    n = ndims(x) - 2
    r, c = p.r, size(x, n + 1) ÷ p.r^n
    y = similar(x, (r .* size(x)[1:n])..., c, size(x)[end])
    for at in CartesianIndices(size(x)[1:n]), k in CartesianIndices(ntuple(_ -> r, n)), i in 1:c, s in axes(x, n + 2)
        offset = LinearIndices(ntuple(_ -> r, n))[k] - 1
        y[CartesianIndex((Tuple(at) .- 1) .* r .+ Tuple(k)), i, s] = x[at, offset+r^n*(i-1)+1, s]
    end
    return y
end

# --------------------------------------------------------------------------------------------------------------- normalisation

struct Dropout{F<:Real,D}
    p::F
    dims::D
    active::Union{Bool,Nothing}
end
Dropout(p; dims = :, active = nothing) = Dropout(p, dims, active)
struct AlphaDropout{F<:Real}
    p::F
    active::Union{Bool,Nothing}
end
AlphaDropout(p; active = nothing) = AlphaDropout(p, active)
(d::Union{Dropout,AlphaDropout})(x) = d.active === true ? error("in training mode") : x

for T in (:BatchNorm, :InstanceNorm)
    @eval struct $T{F,V,N,W}
        λ::F
        β::V
        γ::V
        μ::W
        σ²::W
        ϵ::N
        momentum::N
        affine::Bool
        track_stats::Bool
        active::Union{Bool,Nothing}
        chs::Int
    end
end
struct GroupNorm{F,V,N}
    G::Int
    λ::F
    β::V
    γ::V
    μ::Nothing
    σ²::Nothing
    ϵ::N
    momentum::N
    affine::Bool
    track_stats::Bool
    active::Union{Bool,Nothing}
    chs::Int
end

by_channel(v, x) = reshape(v, ntuple(d -> d == ndims(x) - 1 ? length(v) : 1, ndims(x)))
affine(l, y) = l.affine ? by_channel(l.γ, y) .* y .+ by_channel(l.β, y) : y
moments(x, dims) = (m = mean(x; dims = dims); (m, mean(abs2, x .- m; dims = dims)))
function statistics_norm(l, x, dims)
    μ, v = l.track_stats ? (by_channel(l.μ, x), by_channel(l.σ², x)) : moments(x, dims)
    return l.λ.(affine(l, (x .- μ) ./ sqrt.(v .+ oftype(first(x), l.ϵ))))
end
(l::BatchNorm)(x) = statistics_norm(l, x, (1:ndims(x)-2..., ndims(x)))
(l::InstanceNorm)(x) = statistics_norm(l, x, 1:ndims(x)-2)
function (l::GroupNorm)(x)
    n = ndims(x)
    grouped = reshape(x, size(x)[1:n-2]..., size(x, n - 1) ÷ l.G, l.G, size(x, n))
    μ, v = moments(grouped, 1:n-1)
    return l.λ.(affine(l, reshape((grouped .- μ) ./ sqrt.(v .+ oftype(first(x), l.ϵ)), size(x))))
end

struct LayerNorm{F,D,T,N}
    λ::F
    diag::D
    ϵ::T
    size::NTuple{N,Int}
    affine::Bool
end
function (l::LayerNorm)(x)
    μ, v = moments(x, 1:length(l.size))
    return l.diag((x .- μ) ./ sqrt.(v .+ oftype(first(x), l.ϵ)^2))
end

# ------------------------------------------------------------------------------------------------------- attention, sequences

struct MultiHeadAttention{P1,D,P2}
    nheads::Int
    q_proj::P1
    k_proj::P1
    v_proj::P1
    attn_drop::D
    out_proj::P2
end
(l::MultiHeadAttention)(x) = l(x, x, x)
function (l::MultiHeadAttention)(q, k, v)
    q, k, v = l.q_proj(q), l.k_proj(k), l.v_proj(v)
    out = similar(q, size(v, 1), size(q, 2), size(q, 3))
    for s in axes(q, 3), h in 1:l.nheads
        of(a) = (n = size(a, 1) ÷ l.nheads; (h-1)*n+1:h*n)
        scores = softmax(k[of(k), :, s]' * q[of(q), :, s] ./ sqrt(oftype(first(q), size(q, 1) ÷ l.nheads)))
        out[of(v), :, s] = v[of(v), :, s] * scores
    end
    return l.out_proj(out), nothing
end

struct RNNCell{F,I,H,V}
    σ::F
    Wi::I
    Wh::H
    bias::V
end
struct LSTMCell{I,H,V}
    Wi::I
    Wh::H
    bias::V
end
struct GRUCell{I,H,V}
    Wi::I
    Wh::H
    b::V
end
struct GRUv3Cell{I,H,V,HH}
    Wi::I
    Wh::H
    b::V
    Wh_h̃::HH
end
zeros_of(cell) = zeros(eltype(cell.Wh), size(cell.Wh, 2))
initialstates(cell) = zeros_of(cell)
initialstates(cell::LSTMCell) = (zeros_of(cell), zeros_of(cell))
block(a, i, n) = (rows = size(a, 1) ÷ n; a[(i-1)*rows+1:i*rows, :])
block(a::Bool, i, n) = a

(m::RNNCell)(x, h) = (h = m.σ.(m.Wi * x .+ m.Wh * h .+ m.bias); (h, h))
function (m::LSTMCell)(x, (h, c))
    g = m.Wi * x .+ m.Wh * h .+ m.bias
    c = σ.(block(g, 2, 4)) .* c .+ σ.(block(g, 1, 4)) .* tanh.(block(g, 3, 4))
    h = σ.(block(g, 4, 4)) .* tanh.(c)
    return h, (h, c)
end
function gates(m, x, h)
    gx, gh = m.Wi * x, m.Wh * h
    r, z = (σ.(block(gx, i, 3) .+ block(gh, i, 3) .+ block(m.b, i, 3)) for i in 1:2)
    return gx, gh, r, z
end
function (m::GRUCell)(x, h)
    gx, gh, r, z = gates(m, x, h)
    h = (1 .- z) .* tanh.(block(gx, 3, 3) .+ r .* block(gh, 3, 3) .+ block(m.b, 3, 3)) .+ z .* h
    return h, h
end
function (m::GRUv3Cell)(x, h)
    gx, _, r, z = gates(m, x, h)
    h = (1 .- z) .* tanh.(block(gx, 3, 3) .+ m.Wh_h̃ * (r .* h) .+ block(m.b, 3, 3)) .+ z .* h
    return h, h
end

for T in (:RNN, :LSTM, :GRU, :GRUv3, :Recurrence)
    @eval struct $T{S,M}
        cell::M
    end
    @eval $T(cell; return_state = false) = $T{return_state,typeof(cell)}(cell)
    @eval (l::$T)(x, state = initialstates(l.cell)) = scan(l.cell, x, state)
end
function scan(cell, x, state)
    steps = []
    for t in axes(x, 2)
        y, state = cell(ndims(x) == 2 ? x[:, t] : x[:, t, :], state)
        push!(steps, reshape(y, size(y, 1), 1, size(x)[3:end]...))
    end
    return cat(steps...; dims = 2)
end

# --------------------------------------------------------------------------------------- what walks a model, as Functors does

children(x::Union{AbstractArray{<:Number},Number,Symbol,AbstractString,Nothing,Type,AbstractRange}) = ()
children(x::Union{Adjoint,Transpose}) = (parent = parent(x),)
children(x::Union{Tuple,NamedTuple,AbstractArray,AbstractDict}) = x
children(x::Upsample) = ()
function children(x)
    names = fieldnames(typeof(x))
    return isempty(names) ? () : NamedTuple{names}(map(name -> getfield(x, name), names))
end
trainable(x) = children(x)
trainable(x::Union{BatchNorm,InstanceNorm,GroupNorm}) = (β = x.β, γ = x.γ)
trainable(x::Union{Dropout,AlphaDropout}) = NamedTuple()
trainable(x::Embedding) = (weight = x.weight,)

# `Optimisers.jl` is not here: a rule is what it was given.
module Rules
struct Rule
    name::Symbol
    args::Tuple
    keywords::Any
end
for name in (:Adam, :Leaf, :OptimiserChain, :ClipNorm, :Restructure)
    @eval $name(args...; keywords...) = Rule($(QuoteNode(name)), args, (; keywords...))
end
end

module OneHot
struct OneHotArray{I}
    indices::I
    nlabels::Int
end
end

const FLUX = (
    Flux = Reference,
    NNlib = Reference,
    Losses = Reference,
    MLUtils = Reference,
    Optimisers = Rules,
    OneHotArrays = OneHot,
    Statistics = Statistics,
    LinearAlgebra = LinearAlgebra,
    Random = Random,
    array = identity,
    children = children,
    trainable = trainable,
)

end
