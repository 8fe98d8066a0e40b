# Nothing of ours disturbs Julia: signals, interrupts, the collector, threads, memory.

# How often a file is opened to see that memory stays flat.
const LOADS = parse(Int, get(ENV, "AIRLOCK_LOADS", "5000"))

endless(n) = 1 + endless(n + 1)

@testset "no handler of a signal is installed" begin
    if Sys.islinux()
        script = """
        push!(LOAD_PATH, $(repr(normpath(joinpath(@__DIR__, "..")))))
        caught() = match(r"SigCgt:\\s*([0-9a-f]+)", read("/proc/self/status", String)).captures[1]
        before = caught()
        using FluxAirlock
        load($(repr(fixture("flux-0.16.9", "lenet.bson"))); unverified = true)
        try load($(repr(joinpath(CORPUS, "reject", "array_data_missing.bson"))); unverified = true) catch end
        print(before == caught())
        """
        @test read(`$(Base.julia_cmd()) --startup-file=no -e $script`, String) == "true"
    end
end

@testset "a stack overflow and an interrupt are Julia's after loads" begin
    for _ in 1:3
        unverified(fixture("flux-0.16.9", "lenet.bson"))
        @test_throws StackOverflowError endless(0)
        @test_throws InterruptException throw(InterruptException())
    end
    # A real one, of the system's.
    script = """
    push!(LOAD_PATH, $(repr(normpath(joinpath(@__DIR__, "..")))))
    using FluxAirlock
    ccall(:jl_exit_on_sigint, Cvoid, (Cint,), 0)
    open() = load($(repr(fixture("flux-0.16.9", "lenet.bson"))); unverified = true)
    open()
    endless(n) = 1 + endless(n + 1)
    try endless(0) catch e; println(typeof(e)) end
    try
        ccall(:kill, Cint, (Cint, Cint), getpid(), 2)
        while true
            open()
            yield()
        end
    catch e
        println(typeof(e))
    end
    println(length(arrays(open())))
    """
    Sys.isunix() && @test read(`$(Base.julia_cmd()) --startup-file=no -e $script`, String) == "StackOverflowError\nInterruptException\n10\n"
end

@testset "loads, collections and finalizers on several threads" begin
    script = """
    push!(LOAD_PATH, $(repr(normpath(joinpath(@__DIR__, "..")))))
    using FluxAirlock
    path = $(repr(fixture("flux-0.16.9", "lenet.bson")))
    wanted = sum(sum, values(arrays(load(path; unverified = true))))
    wrong = Threads.Atomic{Int}(0)
    Threads.@threads for i in 1:400
        m = load(path; unverified = true)
        i % 20 == 0 && GC.gc()
        sum(sum, values(arrays(m))) == wanted || Threads.atomic_add!(wrong, 1)
        i % 3 == 0 && close(m)
        FluxAirlock.layers(m |> m -> isopen(m) ? m : load(path; unverified = true))
    end
    GC.gc(); GC.gc()
    print(Threads.nthreads(), " ", wrong[], " ", FluxAirlock.HELD_BYTES[] < 10 * 250_000)
    """
    said = withenv(() -> read(`$(Base.julia_cmd()) --startup-file=no -e $script`, String), "JULIA_NUM_THREADS" => "2")
    @test said == "2 0 true"
end

@testset "what was opened is released, and memory stays flat" begin
    path = fixture("flux-0.16.9", "dense.bson")
    rss() = parse(Int, split(read("/proc/self/statm", String))[2]) * 4096
    open_many(n) = for _ in 1:n
        first(arrays(unverified(path)))
    end
    # What a first round leaves to the allocator, a second one finds.
    open_many(LOADS)
    GC.gc()
    held, before = FluxAirlock.HELD_BYTES[], Sys.islinux() ? rss() : 0
    open_many(LOADS)
    GC.gc()
    GC.gc()
    # A few objects may still be held by the last frames.
    @test FluxAirlock.HELD_BYTES[] <= held + 10 * (filesize(path) + (1 << 15))
    Sys.islinux() && @test rss() - before < 24 << 20
end
