# All that the package promises. From a checkout, on Julia 1.5 and later, with nothing installed:
#
#     julia julia/FluxAirlock/test/runtests.jl
#
# or, on Julia 1.6 and later, `Pkg.test("FluxAirlock")`.

using Test, SHA
Base.find_package("FluxAirlock") === nothing && push!(LOAD_PATH, normpath(joinpath(@__DIR__, "..")))
using FluxAirlock

if Base.find_package("Aqua") !== nothing
    using Aqua
    # `Artifacts` is there from Julia 1.6 on.
    Aqua.test_all(FluxAirlock; stale_deps = VERSION >= v"1.6" ? true : (ignore = [:Artifacts],))
end

if Base.find_package("Documenter") !== nothing
    using Documenter
    doctest(FluxAirlock; manual = false)
end

include("json.jl")
include("support.jl")

@testset "FluxAirlock" begin
    include("interface.jl")
    include("genuine.jl")
    include("values.jl")
    include("errors.jl")
    include("evidence.jl")
    include("register.jl")
    include("session.jl")
    Base.find_package("JLD2") === nothing || include("jld2.jl")
    include("docs.jl")
    include("flux_table.jl")
end

# Where Flux is installed: the same models in Flux itself.
VERSION >= v"1.10" && Base.find_package("Flux") !== nothing && include("flux.jl")
