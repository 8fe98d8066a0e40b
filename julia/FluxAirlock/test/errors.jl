# What is refused, with which error, and what a person is told.

const DENSE = fixture("flux-0.16.9", "dense.bson")

@testset "every file that must be refused is, with its code and place" begin
    refused = expected("reject")
    @test length(refused) > 100
    for file in refused
        path = joinpath(CORPUS, "reject", file["name"])
        limits = get(file, "limits", Dict())
        # More levels than 65,535 are never granted.
        e = thrown(() -> unverified(path; (Symbol(name) => min(granted, 65535) for (name, granted) in limits)...))
        @test e isa Union{MalformedFile,LimitExceeded}
        @test e.code === Symbol(file["code"])
        from, to = file["offset"]
        @test from <= e.offset < to || from == to == e.offset
        @test e.file == path
        @test occursin(string(e.code), message(e))
    end
end

@testset "nothing opens without evidence" begin
    for open in (() -> load(DENSE), () -> load(read(DENSE)), () -> load(IOBuffer(read(DENSE))), () -> load(DENSE; unverified = false))
        e = thrown(open)
        @test e isa NotVerified
        @test e.code === Symbol("no-evidence")
        for way in ("pin = ", "lock = ", "unverified = true")
            @test occursin(way, message(e))
        end
    end
end

@testset "a pin is held to" begin
    pin = digest(DENSE)
    m = load(DENSE; pin = pin)
    @test FluxAirlock.evidence(m)[1].kind === :pin
    @test FluxAirlock.evidence(m)[1].digest == pin
    @test length(FluxAirlock.evidence(load(DENSE; pin = [pin, bytes2hex(open(sha512, DENSE))]))) == 2
    other = "sha256:" * "0"^64
    for pins in (other, [pin, other], (other, pin))
        e = thrown(() -> load(DENSE; pin = pins))
        @test e isa NotVerified
        @test e.code === Symbol("digest-mismatch")
    end
    @test thrown(() -> load(DENSE; pin = "sha256:12")) isa UsageError
    @test thrown(() -> load(DENSE; pin = 12)) isa ArgumentError
    @test thrown(() -> load(DENSE; pin = "")) isa UsageError
    @test thrown(() -> load(DENSE; pin = String[])) isa NotVerified
    @test thrown(() -> load(DENSE; pin = pin, unverified = true)) isa UsageError
end

@testset "a lock file is held to" begin
    mktempdir() do folder
        model, lock = joinpath(folder, "model.bson"), joinpath(folder, "airlock.lock")
        cp(DENSE, model)
        write(lock, """
        version = 1

        [[file]]
        name = "model.bson"
        bytes = $(filesize(model))
        sha256 = "$(bytes2hex(open(sha256, model)))"
        """)
        m = load(model; lock = lock)
        @test FluxAirlock.evidence(m)[1].lock == "model.bson"
        cp(model, joinpath(folder, "other.bson"))
        @test thrown(() -> load(joinpath(folder, "other.bson"); lock = lock)).code === Symbol("not-in-lock")
        open(io -> write(io, 0x00), model, "a")
        @test thrown(() -> load(model; lock = lock)) isa NotVerified
        write(lock, "version = 1\nnonsense = true\n")
        e = thrown(() -> load(model; lock = lock))
        @test e isa AirlockError && !(e isa EngineError)
        @test thrown(() -> load(model; lock = joinpath(folder, "none.lock"))) isa InputError
    end
end

@testset "limits are granted by name" begin
    e = thrown(() -> unverified(DENSE; elements = 3))
    @test e isa LimitExceeded
    @test (e.limit, e.granted) == (:elements, 3)
    @test occursin("elements = 6", message(e))
    @test thrown(() -> unverified(DENSE; file_bytes = 10)) isa LimitExceeded
    @test unverified(DENSE; depth = 128, memory_bytes = 64 << 20) isa FluxAirlock.Model
    e = thrown(() -> load(DENSE; public_keys = "team.pub"))
    @test e isa UsageError && e.code === Symbol("unknown-option")
    @test occursin("no option `public_keys`", message(e)) && occursin("public_key, ", message(e)) && occursin("memory_bytes", message(e))
    @test thrown(() -> unverified(DENSE; depth = -1)) isa ArgumentError
    @test thrown(() -> unverified(DENSE; depth = 1.5)) isa ArgumentError
end

@testset "what is no file is an error of input" begin
    @test thrown(() -> unverified("no such file.bson")).code === Symbol("not-found")
    @test thrown(() -> unverified(CORPUS)).code === Symbol("directory")
    @test thrown(() -> unverified(UInt8[])) isa MalformedFile
    @test thrown(() -> unverified(read(DENSE)[1:100])) isa MalformedFile
    @test thrown(() -> unverified(b"7JL\4")) isa MalformedFile
end

@testset "a name from outside is shown escaped" begin
    e = thrown(() -> load("a\e[31m\nb.bson"; unverified = true))
    @test !occursin('\e', message(e)) && !occursin('\n', message(e))
end

@testset "what is opened from memory is what is opened from a file" begin
    m, n = unverified(DENSE), load(read(DENSE); unverified = true, name = "dense.bson")
    @test collect(arrays(m)) == collect(arrays(n))
    @test collect(arrays(m)) == collect(arrays(load(IOBuffer(read(DENSE)); pin = digest(DENSE))))
    @test collect(arrays(m)) == collect(arrays(load(view(read(DENSE), :); pin = digest(DENSE))))
end

@testset "a library that is not there is looked for in four places" begin
    e = LibraryNotFound(["place $i" => "nothing" for i in 1:4])
    @test occursin("1. place 1: nothing", message(e)) && occursin("4. place 4", message(e))
    script = "push!(LOAD_PATH, $(repr(normpath(joinpath(@__DIR__, ".."))))); using FluxAirlock; try load(\"x\") catch e; showerror(stdout, e) end"
    julia = `$(Base.julia_cmd()) --startup-file=no -e $script`
    said = withenv(() -> read(julia, String), "FLUX_AIRLOCK_LIBRARY" => "/no/such/library.so")
    for place in ("FLUX_AIRLOCK_LIBRARY", "preference", "artifact", "target/")
        @test occursin(place, said)
    end
    # A library of something else is refused, and none of it is called.
    other = first(filter(path -> occursin("libm.", path) || occursin("libjulia", path), FluxAirlock.Libdl.dllist()))
    said = withenv(() -> read(julia, String), "FLUX_AIRLOCK_LIBRARY" => other)
    @test occursin("AbiMismatch", said)
end

@testset "a model is converted, whole or not at all" begin
    mktempdir() do folder
        out = joinpath(folder, "weights.safetensors")
        FluxAirlock.convert(DENSE, out; pin = digest(DENSE))
        bytes = read(out)
        header = JSON.parse(String(bytes[9:8+Int(reinterpret(UInt64, bytes[1:8])[1])]))
        for (path, array) in arrays(unverified(DENSE))
            entry = header[path]
            @test entry["shape"] == collect(size(array))
            from, to = entry["data_offsets"] .+ 8 .+ Int(reinterpret(UInt64, bytes[1:8])[1])
            @test bytes[from+1:to] == raw(collect(permutedims(array, ndims(array):-1:1)))
        end
        e = thrown(() -> FluxAirlock.convert(DENSE, out; unverified = true))
        @test e isa OutputError && occursin("force = true", message(e))
        @test read(out) == bytes
        FluxAirlock.convert(DENSE, out; unverified = true, force = true)
        @test thrown(() -> FluxAirlock.convert(DENSE, joinpath(folder, "x.safetensors"))) isa NotVerified
        @test !isfile(joinpath(folder, "x.safetensors"))
        @test thrown(() -> FluxAirlock.convert(DENSE, joinpath(folder, "x.onnx"); unverified = true)) isa ArgumentError
        json = joinpath(folder, "model.json")
        FluxAirlock.convert(unverified(DENSE), json)
        @test JSON.parse(read(json, String)) isa Dict
        checkpoint = fixture("flux-0.16.9", "checkpoint.bson")
        FluxAirlock.convert(checkpoint, json; unverified = true, variable = "model", force = true)
        @test !occursin("losses", read(json, String))
        complex = fixture("made", "arrays_of_every_complex_number.bson")
        e = thrown(() -> FluxAirlock.convert(complex, joinpath(folder, "c.safetensors"); unverified = true))
        @test e isa OutputError && occursin("omit = true", message(e))
        FluxAirlock.convert(complex, joinpath(folder, "c.safetensors"); unverified = true, omit = true)
    end
end
