"""
Opens Flux models (`.bson`) that nobody has to trust, whatever version of Flux wrote them.

[`load`](@ref) gives a [`FluxAirlock.Model`](@ref); with Flux loaded, [`rebuild`](@ref) and `Flux.loadmodel!` bring it into Flux of today.
"""
module FluxAirlock

using LinearAlgebra: LinearAlgebra

include("errors.jl")
export AirlockError, MalformedFile, LimitExceeded, NotVerified, InputError, OutputError, UsageError, UnusableValue, UnknownLayer,
    EngineError, LibraryNotFound, AbiMismatch

include("library.jl")
include("capi.jl")
include("nodes.jl")

include("model.jl")
export load, variables, layers, opaque, notes, report, written_by

include("arrays.jl")
export arrays, omitted

include("show.jl")
include("state.jl")
include("convert.jl")
include("register.jl")

include("callables.jl")
include("table.jl")
include("rebuild.jl")
export rebuild
include("loadmodel.jl")

end
