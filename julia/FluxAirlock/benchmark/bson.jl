# `load` against `BSON.load` of BSON.jl, side by side in one run:
#
#     AIRLOCK_BSON_JL=path/to/BSON.jl julia benchmark/bson.jl [megabytes]
#
# Models are written by BSON.jl itself, from structs with the names and fields of Flux's own, in a package `Flux` that has nothing
# else: what BSON.load needs of Flux is there at once. Rounds alternate, and medians are given, of the time by the clock and of
# what all threads of the process spent. `load` verifies a pin (SHA-256 of the whole file), decodes in the sandbox and checks;
# `+ arrays` also copies every array, as BSON.load does. `opening` is the library's part of `load` alone, with options that are
# there already: no `load` can be faster.

using Printf, Random, Statistics

bson_jl = get(ENV, "AIRLOCK_BSON_JL", "")
isdir(bson_jl) || error("set AIRLOCK_BSON_JL to a checkout of BSON.jl")
scratch = mktempdir()
mkpath(joinpath(scratch, "Flux", "src"))
write(joinpath(scratch, "Flux", "src", "Flux.jl"), """
module Flux
struct Dense{F,M,B}
    weight::M
    bias::B
    σ::F
    Dense(w, b, f) = new{typeof(f),typeof(w),typeof(b)}(w, b, f)
end
struct Chain{T}; layers::T; end
end
""")
pushfirst!(LOAD_PATH, joinpath(@__DIR__, ".."), bson_jl, scratch)
using BSON, Flux, SHA
import FluxAirlock

chain(sizes) = Flux.Chain(Tuple(Flux.Dense(randn(Float32, o, i), randn(Float32, o), tanh) for (i, o) in zip(sizes, sizes[2:end])))

# Medians of both, in milliseconds, over `rounds` rounds of `repeat` calls.
function compare(path, rounds, repeat)
    pin = "sha256:" * bytes2hex(open(sha256, path))
    function opened(then)
        m = FluxAirlock.load(path; pin = pin)
        then(m)
        close(m)
    end
    options = FluxAirlock.new_options(FluxAirlock.split_options(pairs((pin = pin,))))
    ways = [
        () -> BSON.load(path, @__MODULE__),
        () -> FluxAirlock.release(FluxAirlock.open_path(path, options)),
        () -> opened(identity),
        () -> opened(m -> collect(values(FluxAirlock.arrays(m)))),
    ]
    times = [(Float64[], Float64[]) for _ in ways]
    for way in ways
        way()
    end
    for _ in 1:rounds, (way, (walls, cpus)) in zip(ways, times)
        GC.gc()
        wall, cpu = time(), cpu_time()
        for _ in 1:repeat
            way()
        end
        push!(walls, (time() - wall) / repeat)
        push!(cpus, (cpu_time() - cpu) / repeat)
    end
    return [1e3 .* median.(both) for both in times]
end

# Seconds that all threads of this process have spent.
cpu_time() = ccall(:clock, Clong, ()) / 1e6

megabytes = isempty(ARGS) ? 218 : parse(Int, ARGS[1])
width = round(Int, sqrt(megabytes * 1e6 / 4 / 8))
models = [
    ("small", chain([4, 8, 2]), 20, 200),
    ("$megabytes MB", chain(fill(width, 9)), 7, 1),
]
println("milliseconds by the clock, and (of all threads)")
row(name, cells...) = println(rpad(name, 14), lpad.(cells, 18)...)
row("model", "bytes", "BSON.load", "opening", "load", "load + arrays")
for (name, model, rounds, repeat) in models
    path = joinpath(scratch, "model.bson")
    BSON.bson(path, Dict(:model => model))
    times = compare(path, rounds, repeat)
    row(name, filesize(path), (@sprintf("%.3f (%.3f)", time...) for time in times)...)
    row("BSON.load is", "", "", (@sprintf("%.1f ×", times[1][1] / time[1]) for time in times[2:end])...)
end
