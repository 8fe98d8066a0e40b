# The table of layers and functions, where Flux cannot be installed: that it has all that the library knows, that it asks Flux for what
# Flux's sources say, and that what it makes answers as the models that were saved.
#
# `include` it from runtests.jl. It needs no package beside FluxAirlock and the standard library.
using Test, FluxAirlock

include("flux_cases.jl")
include("flux_recorder.jl")
include("flux_reference.jl")
include("flux_shared.jl")

module TableTests

using Test, LinearAlgebra, FluxAirlock
using FluxAirlock: Table
using ..Cases, ..Recorder, ..Reference, ..Shared
using ..Recorder: Call

const ACCEPT = normpath(joinpath(@__DIR__, "..", "..", "..", "tests", "corpus", "accept"))

@testset "every kind and every function has exactly one row" begin
    kinds, rows = FluxAirlock.kinds(), first.(Table.KINDS)
    @test length(kinds) > 100
    @test allunique(rows)
    @test setdiff((kind.name for kind in kinds), rows) == Symbol[]
    @test setdiff(rows, (kind.name for kind in kinds)) == Symbol[]
    functions, rows = FluxAirlock.functions(), first.(Table.FUNCTIONS)
    @test length(functions) > 50
    @test allunique(rows)
    @test setdiff(functions, rows) == Symbol[]
    @test setdiff(rows, functions) == Symbol[]
end

@testset "every field of every kind is taken or left out, by name" begin
    for kind in FluxAirlock.kinds()
        row = Table.KIND_ROWS[kind.name]
        row isa Table.Made || continue
        said = Symbol[row.takes..., row.leaves...]
        @test (kind.name, sort(said)) == (kind.name, sort(kind.fields))
        @test allunique(said)
    end
end

@testset "every layer is made" begin
    for kind in FluxAirlock.kinds()
        kind.group === :layer && @test (kind.name, Table.KIND_ROWS[kind.name] isa Table.Made) == (kind.name, true)
    end
end

# The values of the fields a row takes, in their order, and the call that Flux 0.16 has for them.
const W, B = Float32[1 2; 3 4; 5 6], Float32[7, 8, 9]
const K, KB = reshape(Float32.(1:36), 3, 3, 2, 2), Float32[1, 2]
const V3, V6, V9 = Float32[1, 2, 3], Float32.(1:6), Float32.(1:9)
const WI3, WH3, WH2, HH = reshape(Float32.(1:18), 9, 2), reshape(Float32.(1:27), 9, 3), reshape(Float32.(1:18), 6, 3), reshape(Float32.(1:9), 3, 3)
const WI4, WH4, V12 = reshape(Float32.(1:24), 12, 2), reshape(Float32.(1:36), 12, 3), Float32.(1:12)
const CALLS = [
    :AdaptiveMaxPool => ((2, 3),) => Call(:AdaptiveMaxPool, (2, 3)),
    :AdaptiveMeanPool => ((2, 3),) => Call(:AdaptiveMeanPool, (2, 3)),
    :AlphaDropout => (0.5, nothing) => Call(:AlphaDropout, 0.5; active = nothing),
    :BatchNorm => (identity, V3, V3, V3, V3, 1f-5, 0.1f0, true, true, nothing, 3) =>
        Call(:BatchNorm, identity, V3, V3, V3, V3, 1f-5, 0.1f0, true, true, nothing, 3),
    # Flux 0.6 kept a deviation with ϵ already in it: what stands for ϵ is a Float64, as the layouts have it.
    :BatchNorm => (identity, V3, V3, V3, V3, 0.0, 0.1f0, true, true, nothing, nothing) =>
        Call(:BatchNorm, identity, V3, V3, V3, V3, 0.0, Float64(0.1f0), true, true, nothing, 3),
    :BatchNorm => (tanh, nothing, nothing, nothing, nothing, 1f-5, 0.1f0, false, false, false, 3) =>
        Call(:BatchNorm, tanh, nothing, nothing, nothing, nothing, 1f-5, 0.1f0, false, false, false, 3),
    :Bilinear => (K[:, :, :, 1], V3, tanh) => Call(:Bilinear, K[:, :, :, 1], V3, tanh),
    :Chain => ((1, 2),) => Call(:Chain, (1, 2)),
    :Chain => ((a = 1, b = 2),) => Call(:Chain, (a = 1, b = 2)),
    :Chain => ([1, 2],) => Call(:Chain, [1, 2]),
    :Chain => ((),) => Call(:Chain, (identity,)),
    :Conv => (tanh, K, KB, (1, 2), (0, 1, 2, 3), (1, 1), 1) =>
        Call(:Conv, K, KB, tanh; stride = (1, 2), pad = (0, 1, 2, 3), dilation = (1, 1), groups = 1),
    :Conv => (tanh, K, false, (Int32(1), Int32(2)), (0, 0, 0, 0), (1, 1), Int32(2)) =>
        Call(:Conv, K, false, tanh; stride = (1, 2), pad = (0, 0, 0, 0), dilation = (1, 1), groups = 2),
    :ConvTranspose => (tanh, K, Float32.(1:4), (2, 2), (0, 0, 0, 0), (1, 1), (1, 1), 2) =>
        Call(:ConvTranspose, K, Float32.(1:4), tanh; stride = (2, 2), pad = (0, 0, 0, 0), outpad = (1, 1), dilation = (1, 1), groups = 2),
    :CrossCor => (tanh, K, KB, (1, 1), (0, 0, 0, 0), (1, 1)) =>
        Call(:CrossCor, K, KB, tanh; stride = (1, 1), pad = (0, 0, 0, 0), dilation = (1, 1)),
    :Dense => (W, B, tanh) => Call(:Dense, W, B, tanh),
    :Dense => (W, false, tanh) => Call(:Dense, W, false, tanh),
    # Flux 0.11 took a column for a bias, and a number.
    :Dense => (W, reshape(B, 3, 1), tanh) => Call(:Dense, W, B, tanh),
    :Dense => (W, 2, tanh) => Call(:Dense, W, Float32[2, 2, 2], tanh),
    # Three channels, each with two filters.
    :DepthwiseConv => (tanh, reshape(Float32.(1:54), 3, 3, 2, 3), V6, (1, 1), (0, 0, 0, 0), (1, 1)) =>
        Call(:Conv, reshape(Float32.(1:54), 3, 3, 1, 6), V6, tanh; stride = (1, 1), pad = (0, 0, 0, 0), dilation = (1, 1), groups = 3),
    :Dropout => (0.5, :, nothing) => Call(:Dropout, 0.5; dims = :, active = nothing),
    :Dropout => (0.5f0, (1, 2), false) => Call(:Dropout, 0.5f0; dims = (1, 2), active = false),
    :Embedding => (W, nothing) => Call(:Embedding, W),
    :Embedding => (W, 2) => Call(:Embedding, W; padding_idx = 2),
    :EmbeddingBag => (W, sum) => Call(:EmbeddingBag, W, sum),
    :GlobalMaxPool => () => Call(:GlobalMaxPool),
    :GlobalMeanPool => () => Call(:GlobalMeanPool),
    :GRU => (:cell, false) => Call(:GRU, :cell),
    :GRU => (:cell, true) => Call(:GRU, :cell; return_state = true),
    :GRUCell => (WI3, WH3, V9) => Call(:GRUCell, WI3, WH3, V9),
    :GRUv3 => (:cell, false) => Call(:GRUv3, :cell),
    :GRUv3Cell => (WI3, WH3, V9, HH) => Call(:GRUv3Cell, WI3, WH3, V9, HH),
    # Flux 0.14 had two blocks of rows in `Wh`.
    :GRUv3Cell => (WI3, WH2, V9, HH) => Call(:GRUv3Cell, WI3, [WH2; zeros(Float32, 3, 3)], V9, HH),
    :GroupNorm => (3, identity, V3, V3, 1f-5, 0.1f0, true, nothing, 3) =>
        Call(:GroupNorm, 3, identity, V3, V3, nothing, nothing, 1f-5, 0.1f0, true, false, nothing, 3),
    :InstanceNorm => (identity, V3, V3, nothing, nothing, 1f-5, 0.1f0, true, false, nothing, 3) =>
        Call(:InstanceNorm, identity, V3, V3, nothing, nothing, 1f-5, 0.1f0, true, false, nothing, 3),
    :LayerNorm => (tanh, :diag, 1f-5, (3, 2), true) => Call(:LayerNorm, tanh, :diag, 1f-5, (3, 2), true),
    :LSTM => (:cell, false) => Call(:LSTM, :cell),
    :LSTMCell => (WI4, WH4, V12) => Call(:LSTMCell, WI4, WH4, V12),
    :LSTMCell => (WI4, WH4, false) => Call(:LSTMCell, WI4, WH4, false),
    :MaxPool => ((2, 2), (0, 1, 0, 1), (2, 2)) => Call(:MaxPool, (2, 2); pad = (0, 1, 0, 1), stride = (2, 2)),
    :Maxout => ((1, 2),) => Call(:Maxout, (1, 2)),
    :MeanPool => ((2, 2), (0, 0, 0, 0), (1, 1)) => Call(:MeanPool, (2, 2); pad = (0, 0, 0, 0), stride = (1, 1)),
    :MultiHeadAttention => (2, :q, :k, :v, :drop, :out) => Call(:MultiHeadAttention, 2, :q, :k, :v, :drop, :out),
    :PairwiseFusion => (+, (1, 2)) => Call(:PairwiseFusion, +, (1, 2)),
    :Parallel => (+, (1, 2)) => Call(:Parallel, +, (1, 2)),
    :Parallel => (+, (a = 1, b = 2)) => Call(:Parallel, +, (a = 1, b = 2)),
    :Parallel => (+, [1, 2]) => Call(:Parallel, +, (1, 2)),
    :PixelShuffle => (2,) => Call(:PixelShuffle, 2),
    :Recurrence => (:cell, true) => Call(:Recurrence, :cell; return_state = true),
    :RNN => (:cell, false) => Call(:RNN, :cell),
    :RNNCell => (tanh, HH, HH, V3) => Call(:RNNCell, tanh, HH, HH, V3),
    :Scale => (HH, HH, tanh) => Call(:Scale, HH, HH, tanh),
    :Scale => (V3, false, tanh) => Call(:Scale, V3, false, tanh),
    :SkipConnection => (:layer, +) => Call(:SkipConnection, :layer, +),
    :Upsample => (:bilinear, (2, 2), nothing) => Call(:Upsample, :bilinear; scale = (2, 2)),
    :Upsample => (:nearest, nothing, (4, 4)) => Call(:Upsample, :nearest; scale = nothing, size = (4, 4)),
    :WeightNorm => (:layer, V3, :weight, 4) => Call(:WeightNorm, :layer, V3, :weight, 4),
]

@testset "Flux is asked for what its sources say" begin
    layers = [kind.name for kind in FluxAirlock.kinds() if kind.group === :layer]
    @test sort(unique(first.(CALLS))) == sort(layers)
    for (kind, (values, call)) in CALLS
        @test (kind, Table.KIND_ROWS[kind].make(Recorder.FLUX, values...)) == (kind, call)
    end
end

@testset "functions are those of their modules" begin
    for (name, row) in Table.FUNCTIONS
        found = row(Recorder.FLUX)
        if found isa Recorder.Name
            @test Symbol(replace(string(found.name), r"^([^.]*)$" => s"Flux.\1")) === name
        else
            # What is no other module's is Base's own.
            @test startswith(string(name), "Base.")
            @test Symbol(nameof(found)) === Symbol(last(split(string(name), "."; limit = startswith(string(name), "Base.Broadcast.") ? 3 : 2)))
        end
    end
end

@testset "what was recognised in closures does what it says" begin
    made(kind, values...) = Table.KIND_ROWS[Symbol(kind)].make(Reference.FLUX, values...)
    x = reshape(collect(1f0:24f0), 2, 3, 4)
    @test made("FluxAirlock.Reshape", (:, 4))(x) == reshape(x, :, 4)
    @test made("FluxAirlock.Cat", 3)(x, x) == cat(x, x; dims = 3)
    @test made("FluxAirlock.Dropdims", 1)(x[1:1, :, :]) == x[1, :, :]
    @test made("FluxAirlock.Permutedims", (3, 1, 2))(x) == permutedims(x, (3, 1, 2))
    @test made("FluxAirlock.Softmax", 2)(x) == Reference.softmax(x; dims = 2)
    @test made("FluxAirlock.Logsoftmax", 2)(x) == Reference.logsoftmax(x; dims = 2)
    @test made("FluxAirlock.Getindex", (:, lastindex, 2:3))(x) == x[:, end, 2:3]
    @test made("FluxAirlock.Getindex", (lastindex,))(x) == x[end]
    @test made("Base.Broadcast.BroadcastFunction", Base.Fix2(+, 1))(x) == x .+ 1
    @test made("Base.ComposedFunction", abs, sin)(-2.0) == abs(sin(-2.0))
    @test made("Base.Fix1", -, 5)(2) == 3
    @test repr(made("FluxAirlock.Reshape", (:, 4))) == "FluxAirlock.Reshape((Colon(), 4))"
end

@testset "what no layer can be is refused by name" begin
    refused(kind, values...) = try
        Table.KIND_ROWS[kind].make(Recorder.FLUX, values...)
        ""
    catch e
        e isa Table.Unfit || rethrow()
        e.message
    end
    @test occursin("bias has size (2,)", refused(:Dense, W, Float32[1, 2], tanh))
    @test occursin("2 has to be", refused(:Dense, V3, V3, tanh))
    @test occursin("array of numbers", refused(:Dense, nothing, V3, tanh))
    @test occursin("whole number", refused(:PixelShuffle, 2.0))
    @test occursin("whole number", refused(:PixelShuffle, true))
    @test occursin("tuple", refused(:MaxPool, [2, 2], (0, 0, 0, 0), (1, 1)))
    @test occursin("affine", refused(:BatchNorm, identity, nothing, nothing, V3, V3, 1f-5, 0.1f0, true, true, nothing, 3))
    @test occursin("one of two", refused(:BatchNorm, identity, V3, nothing, V3, V3, 1f-5, 0.1f0, true, true, nothing, 3))
    @test occursin("mode", refused(:Upsample, :cubic, 2, nothing))
    @test occursin("group of layers", refused(:Chain, 3))
    @test occursin("keys and", refused(Symbol("Base.Dict"), [1, 2], [1]))
end

Shared.test_models(Reference.FLUX, ACCEPT)

end
