# Why a file may be opened: signatures, registries and policies. The signatures were made with `airlock sign`, by the keys that
# the fuzzer has, and the registry with `airlock registry`, for a hundred years, by a key that is gone.

vouched(name) = joinpath(@__DIR__, "vouched", name)

const TEAM = (signature = vouched("dense.minisig"), public_key = vouched("team.pub"))

@testset "a signature vouches for the file that was signed" begin
    m = load(DENSE; TEAM...)
    e = only(FluxAirlock.evidence(m))
    @test (e.kind, e.format, e.key_id, e.digest) == (:signature, "minisign", "D6A80062BD5B5210", digest(DENSE))
    @test e.lock === nothing && e.registry === nothing && e.version === nothing
    @test occursin("evidence  signature", sprint(show, MIME"text/plain"(), m))
    close(m)
    m = load(DENSE; signature = vouched("dense.sig"), public_key = vouched("team.pem"), pin = digest(DENSE))
    @test [e.kind for e in FluxAirlock.evidence(m)] == [:pin, :signature]
    @test FluxAirlock.evidence(m)[2].format == "oms"
    close(m)
    both = (signature = [TEAM.signature, vouched("dense.sig")], public_key = [TEAM.public_key, vouched("team.pem")])
    @test length(FluxAirlock.evidence(load(DENSE; both...))) == 2
    @test length(FluxAirlock.evidence(load(read(DENSE); TEAM...))) == 1
end

@testset "a signature refuses everything else" begin
    other = fixture("flux-0.16.9", "lenet.bson")
    e = thrown(() -> load(other; TEAM...))
    @test e isa NotVerified && e.code === Symbol("signature-invalid")
    e = thrown(() -> load(DENSE; signature = TEAM.signature, public_key = vouched("team.pem")))
    @test e isa NotVerified && e.code === Symbol("signature-signer-kind")
    e = thrown(() -> load(DENSE; signature = TEAM.signature))
    @test e isa UsageError && e.code === Symbol("incomplete-evidence")
    @test thrown(() -> load(DENSE; TEAM..., unverified = true)) isa UsageError
    @test thrown(() -> load(DENSE; TEAM..., public_key = DENSE)) isa InputError
    @test thrown(() -> load(DENSE; signature = "nowhere.sig", public_key = TEAM.public_key)) isa InputError
    @test thrown(() -> load(DENSE; signature = 1)) isa ArgumentError
    out = joinpath(mktempdir(), "out.safetensors")
    @test thrown(() -> FluxAirlock.convert(other, out; TEAM...)) isa NotVerified
    @test !ispath(out)
    @test occursin("\"signature-invalid\"", FluxAirlock.inspect(other; TEAM...))
end

@testset "a registry needs its root, and is asked" begin
    e = thrown(() -> load(DENSE; registry = "somewhere"))
    @test e isa UsageError && e.code === Symbol("incomplete-evidence")
    @test thrown(() -> load(DENSE; root = DENSE)) isa UsageError
    @test thrown(() -> load(DENSE; registry = "https://a@b/", root = DENSE, cache = mktempdir())) isa UsageError
    e = thrown(() -> load(DENSE; registry = mktempdir(), root = "nowhere.json"))
    @test e isa InputError && occursin("nowhere.json", message(e))
    e = thrown(() -> load(DENSE; signature = "none.sig", public_key = "none.pub"))
    @test e isa InputError && occursin(r"none\.(sig|pub): ", message(e))
    e = thrown(() -> load(DENSE; registry = mktempdir(), root = DENSE, cache = mktempdir()))
    @test e isa NotVerified && e.code === Symbol("registry-root")
    @test occursin("says nothing about the file", message(e))
    known = (root = vouched("registry.root.json"), cache = mktempdir())
    e = thrown(() -> load(DENSE; registry = mktempdir(), known...))
    @test e isa NotVerified && e.code === Symbol("registry-unreachable")
    @test occursin("Try again", message(e))
    asked = (registry = vouched("registry"), known...)
    m = load(DENSE; asked...)
    e = only(FluxAirlock.evidence(m))
    @test (e.kind, e.name, e.digest, e.version) == (:registry, "dense.bson", digest(DENSE), 4)
    @test load(read(DENSE); name = "dense.bson", asked...) isa FluxAirlock.Model
    @test load(DENSE; asked..., offline = true) isa FluxAirlock.Model
    @test thrown(() -> load(DENSE; asked..., name = "other.bson")).code === Symbol("registry-unlisted")
    revoked = fixture("flux-0.16.9", "chain_named.bson")
    e = thrown(() -> load(revoked; asked..., pin = digest(revoked), name = ""))
    @test e isa NotVerified && e.code === Symbol("registry-revoked")
    @test occursin("made for a test", message(e)) && occursin("taken the file back", message(e))
    @test load(DENSE; asked..., pin = digest(DENSE), name = "") isa FluxAirlock.Model
end

@testset "a policy is held to, whether it is named or found" begin
    mktempdir() do folder
        denied = "version = 1\ndenied = [\"$(digest(DENSE))\"]\n"
        policy(text) = (path = joinpath(folder, "policy.toml"); write(path, text); path)
        refused(f) = (e = thrown(f); e isa NotVerified ? e.code : e)
        @test refused(() -> load(DENSE; TEAM..., policy = policy(denied))) === Symbol("policy-digest")
        @test occursin("airlock policy explain", message(thrown(() -> load(DENSE; TEAM..., policy = policy(denied)))))
        @test refused(() -> unverified(DENSE; policy = policy("version = 1\n"))) === Symbol("policy-unverified")
        @test unverified(DENSE; policy = policy("version = 1\nunverified = \"open\"\n")) isa FluxAirlock.Model
        @test load(DENSE; TEAM..., policy = policy("version = 1\n")) isa FluxAirlock.Model
        @test thrown(() -> load(DENSE; TEAM..., policy = policy("version = 2\n"))) isa InputError
        @test thrown(() -> unverified(DENSE; policy = "")) isa ArgumentError
        @test thrown(() -> unverified(DENSE; types = "")) isa ArgumentError
        @test unverified(DENSE; policy = nothing, types = nothing) isa FluxAirlock.Model
        # One that the working folder has, and one of the user's.
        write(joinpath(folder, "airlock.toml"), denied)
        @test cd(() -> refused(() -> load(DENSE; TEAM...)), folder) === Symbol("policy-digest")
        rm(joinpath(folder, "airlock.toml"))
        mkpath(joinpath(folder, "airlock"))
        cp(policy(denied), joinpath(folder, "airlock", "policy.toml"))
        withenv("XDG_CONFIG_HOME" => folder) do
            @test refused(() -> load(DENSE; TEAM...)) === Symbol("policy-digest")
        end
        @test load(DENSE; TEAM...) isa FluxAirlock.Model
    end
end

@testset "structs of the author's own have the names that were given" begin
    page = read(joinpath(CORPUS, "..", "..", "docs", "types.md"), String)
    path = joinpath(mktempdir(), "types.toml")
    write(path, split(split(page, "```toml\n")[2], "```")[1])
    file = fixture("made", "own_structs.bson")
    @test haskey(arrays(unverified(file; types = path)), "policy.emodels[1].model.weight")
    @test !haskey(arrays(unverified(file)), "policy.emodels[1].model.weight")
    @test thrown(() -> unverified(file; types = DENSE)) isa InputError
end
