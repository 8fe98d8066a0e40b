# Rebuilt models under Flux itself, against what the Flux that saved them answered. One command, from a checkout, on Julia 1.10 or later:
#
#     julia julia/FluxAirlock/test/flux.jl
#
# Where the active environment has Flux, it is used; otherwise Flux is installed into a temporary one
# (`FLUX_VERSION=0.16.9` says which). `FLUX_AIRLOCK_CASES` may name further directories, separated as in PATH, with files of the same form
# (`CASE.bson` beside `CASE.json`) of any version of Flux.
using Test

const PACKAGE = normpath(joinpath(@__DIR__, ".."))
if Base.find_package("Flux") === nothing
    using Pkg
    Pkg.activate(; temp = true)
    Pkg.develop(path = PACKAGE)
    Pkg.add(name = "Flux", version = get(ENV, "FLUX_VERSION", "0.16"))
end
Base.find_package("FluxAirlock") === nothing && push!(LOAD_PATH, PACKAGE)
using FluxAirlock, Flux

# Julia loads the extension by itself, unless the package is found beside the environment that has Flux.
FluxAirlock.CONSTRUCTORS[] === nothing && include(joinpath(PACKAGE, "ext", "FluxAirlockFluxExt.jl"))

isdefined(@__MODULE__, :Cases) || include("flux_cases.jl")
isdefined(@__MODULE__, :Shared) || include("flux_shared.jl")

module FluxTests

using Test, FluxAirlock, Flux
using FluxAirlock: Table
using ..Cases, ..Shared

const P = FluxAirlock.constructors()
const ACCEPT = normpath(joinpath(@__DIR__, "..", "..", "..", "tests", "corpus", "accept"))
const MORE = String.(filter(!isempty, split(get(ENV, "FLUX_AIRLOCK_CASES", ""), Sys.iswindows() ? ';' : ':')))

@info "Under test" VERSION Flux = pkgversion(Flux) NNlib = pkgversion(Flux.NNlib)

@testset "FluxAirlock with Flux" begin
    @testset "this Flux has every function of the table" begin
        for (name, row) in Table.FUNCTIONS
            @test (name, row(P) isa Function) == (name, true)
        end
    end
    Shared.test_models(P, ACCEPT, MORE)
    @testset "what a user types" begin
        genuine(name) = load(joinpath(ACCEPT, name * ".bson"); unverified = true)
        model = rebuild(genuine("flux-0.11.6/lenet"))
        @test model isa Chain
        @test model[1] isa Conv{2,4,typeof(relu),Array{Float32,4},Vector{Float32}}
        @test rebuild(genuine("flux-0.11.6/gan"), "disc") isa Chain
        @test rebuild(genuine("flux-0.16.9/anon_layer"); functions = Dict{String,Any}()) isa Chain
        mine = Chain(Dense(3 => 4, relu), Dense(4 => 1))
        m = genuine("flux-0.8.3/checkpoint")
        @test Flux.loadmodel!(mine, m) === mine
        @test mine[1].weight == m["model.layers[1].weight"]
        @test Flux.loadmodel!(Chain(Dense(3 => 4), Dense(4 => 1)), genuine("flux-0.8.3/weights_params")) isa Chain
        @test_throws FluxAirlock.Misfit Flux.loadmodel!(Dense(3 => 4), m, "model")
        # A rebuilt model trains.
        x, y = rand(Float32, 3, 8), rand(Float32, 1, 8)
        model = rebuild(m)
        loss(model) = Flux.mse(model(x), y)
        state = Flux.setup(Adam(0.01), model)
        before = loss(model)
        for _ in 1:20
            Flux.update!(state, model, Flux.gradient(loss, model)[1])
        end
        @test loss(model) < before
        # The order of lists is that of Flux.
        for name in ("flux-0.16.9/resnet_block", "flux-0.16.9/transformer_block", "flux-0.16.9/groupnorm", "flux-0.16.9/layernorm")
            m = genuine(name)
            model = rebuild(m, Cases.variable(m, last(split(name, '/'))))
            places = FluxAirlock.Place[]
            FluxAirlock.places!(places, Base.IdSet{Any}(), P, model, "model", nothing)
            mine = [place.array for place in places if place.array !== nothing]
            @test length(mine) == length(Flux.trainables(model)) && all(pair -> pair[1] === pair[2], zip(mine, Flux.trainables(model)))
        end
        # What optimisers remember goes on where it stopped.
        m = genuine("flux-0.16.9/checkpoint")
        model, state = rebuild(m), rebuild(m, "opt_state")
        @test state.layers[1].weight.rule == Adam(0.01)
        @test Flux.update!(state, model, Flux.gradient(loss, model)[1]) isa Tuple
    end
end

end
