# The state of a model in a JLD2 file. From Julia 1.9 on Julia loads the extension; before, it is loaded here.

using JLD2
VERSION < v"1.9" && include("../ext/FluxAirlockJLD2Ext.jl")

@testset "a state is read from JLD2 as it was" begin
    mktempdir() do folder
        out = joinpath(folder, "state.jld2")
        m = unverified(fixture("flux-0.16.9", "lenet.bson"))
        FluxAirlock.save_state(out, m)
        @test readdir(folder) == ["state.jld2"]
        @test JLD2.load(out, "model") == FluxAirlock.state(m, "model")
        before = read(out)
        @test thrown(() -> FluxAirlock.save_state(out, m)) isa OutputError
        @test read(out) == before
        FluxAirlock.save_state(out, unverified(DENSE); force = true)
        @test readdir(folder) == ["state.jld2"]
        @test collect(keys(JLD2.load(out))) == first.(variables(unverified(DENSE)))
    end
end
