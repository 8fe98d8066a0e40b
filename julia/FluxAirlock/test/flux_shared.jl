# What holds of rebuilt models, whoever makes the layers: Flux itself, or the reference. `P` is what the table takes its names from.
module Shared

using Test, FluxAirlock, LinearAlgebra
using FluxAirlock: Misfit
using ..Cases

quietly(f) = Base.CoreLogging.with_logger(f, Base.CoreLogging.NullLogger())
rebuilt(P, m, path = FluxAirlock.the_model(m); functions = Dict{String,Any}()) =
    quietly(() -> FluxAirlock.rebuild(P, m, path, functions))
fill_from!(P, mine, m, path = FluxAirlock.the_model(m, true); functions = Dict{String,Any}()) =
    quietly(() -> FluxAirlock.loadmodel!(P, mine, m, path, functions))

# All arrays of a model, each once.
function arrays_of(P, @nospecialize(x), found = Base.IdSet{Any}())
    inside = P.children(x)
    x isa AbstractArray{<:Number} && isempty(inside) && push!(found, x)
    foreach(key -> arrays_of(P, inside[key], found), keys(inside))
    return found
end
emptied(P, @nospecialize(model)) = (foreach(a -> fill!(a, 0), arrays_of(P, model)); model)

function thrown(f)
    try
        f()
    catch e
        return e
    end
    return nothing
end

"""
Every test of rebuilt models, with the files under `root` (the committed ones) and under each directory of `more`.
"""
function test_models(P, root, more = String[])
    Cases.register()
    test_answers(P, root, 173)
    foreach(dir -> test_answers(P, dir, 1), more)
    test_everything_opens(P, root)
    test_sharing(P, root)
    test_structure(P, root)
    test_refusals(P, root)
    test_loading(P, root)
end

# Each genuine model twice: as it is rebuilt, and as its weights are loaded into a model that somebody built and that has other ones.
function test_answers(P, root, least)
    @testset "models answer as they did when they were saved ($(basename(root)))" begin
        called = 0
        for case in filter(case -> Cases.is_called(case.truth), Cases.cases(root))
            called += 1
            @testset "$(case.group)/$(case.name)" begin
                m = load(case.file; unverified = true)
                path = Cases.variable(m, case.name)
                functions = Cases.closures(m, case.name)
                inputs = map(Cases.array_of, case.truth["inputs"])
                wanted = Cases.array_of(case.truth["output"])

                y = Cases.call(m, rebuilt(P, m, path; functions = functions), inputs)
                @test Cases.distance(y, wanted, m) <= 1
                @test eltype(y) === eltype(wanted)

                mine = emptied(P, rebuilt(P, m, path; functions = Cases.closures(m, case.name)))
                fill_from!(P, mine, m, path)
                @test Cases.distance(Cases.call(m, mine, inputs), wanted, m) <= 1
            end
        end
        @test called >= least
    end
end

# Put together by hand, with a bias that no such layer has.
const UNMADE = ("conv_transpose_0_8_0.bson",)

# Models without recorded answers too: all layouts that some version of Flux wrote.
function test_everything_opens(P, root)
    @testset "every layer of every file is rebuilt" begin
        kinds = Set{Symbol}()
        for (dir, _, files) in walkdir(root), file in files
            endswith(file, ".bson") && !(file in UNMADE) || continue
            m = load(joinpath(dir, file); unverified = true)
            for (path, node) in layers(m)
                made = thrown(() -> rebuilt(P, m, path))
                if made === nothing
                    push!(kinds, node.kind)
                else
                    # What is within a closure or a type of one's own is known to nobody. Flux before 0.16.11 has no padding.
                    expected = made isa UnknownLayer && (!occursin("cannot have", made.what) || occursin("padding_idx", made.what))
                    @test (file, path, expected ? "" : sprint(showerror, made)) == (file, path, "")
                end
            end
        end
        @test setdiff((kind.name for kind in FluxAirlock.kinds() if kind.group === :layer), kinds) == Symbol[]
    end
end

# Made of parts that are each twice in the next: 2^40 of them, if sharing were lost.
function test_sharing(P, root)
    @testset "what shares others twice over takes no longer" begin
        m = genuine(root, "made/doubling_references")
        path = first(FluxAirlock.roots(m)).first
        made = thrown(() -> rebuilt(P, m, path))
        @test made === nothing || made isa UnknownLayer
        @test thrown(() -> fill_from!(P, P.Flux.Dense(zeros(Float32, 2, 2), false, identity), m, path)) isa Union{Misfit,UnknownLayer}
        m = load(joinpath(root, "..", "regress", "tuples_that_double_over_one_array.bson"); unverified = true)
        path = first(FluxAirlock.roots(m)).first
        @test thrown(() -> rebuilt(P, m, path)) isa UnknownLayer
        @test thrown(() -> fill_from!(P, P.Flux.Dense(zeros(Float32, 2, 2), false, identity), m, path)) isa Union{Misfit,UnknownLayer}
    end
end

genuine(root, name) = load(joinpath(root, name * ".bson"); unverified = true)

function test_structure(P, root)
    F = P.Flux
    @testset "what a file shares is shared" begin
        m = genuine(root, "flux-0.16.9/tied_layer")
        model = rebuilt(P, m)
        @test model.layers[1] === model.layers[3]
        for version in ("0.13.17", "0.16.9")
            model = rebuilt(P, genuine(root, "flux-$version/tied_transpose"))
            wrapped = [l.weight for l in model.layers if !(l.weight isa Array)]
            @test length(wrapped) == 1
            @test any(l -> l.weight === parent(wrapped[1]), model.layers)
        end
        m = genuine(root, "flux-0.16.9/tied_array")
        model = rebuilt(P, m, "m")
        @test model.layers[1].weight === model.layers[2].weight
        # Twice rebuilt are two models.
        @test rebuilt(P, m, "m").layers[1].weight !== model.layers[1].weight
    end
    @testset "numbers keep their eltype" begin
        for (name, T) in ("dense_f16" => Float16, "dense_f64" => Float64, "dense" => Float32), version in ("0.8.3", "0.11.6", "0.13.17", "0.16.9")
            model = rebuilt(P, genuine(root, "flux-$version/$name"))
            layer = hasproperty(model, :layers) ? model.layers[1] : model
            @test eltype(layer.weight) === T
            @test eltype(layer.bias) === T
        end
        model = rebuilt(P, genuine(root, "flux-0.16.9/dense_complex"))
        @test eltype(model.weight) === ComplexF32
    end
    @testset "chains keep their form" begin
        @test rebuilt(P, genuine(root, "flux-0.16.9/chain_named"), "m").layers isa NamedTuple
        @test rebuilt(P, genuine(root, "flux-0.16.9/chain_vector")).layers isa Vector
        @test rebuilt(P, genuine(root, "flux-0.16.9/dense_f64")).layers isa Tuple
        @test rebuilt(P, genuine(root, "flux-0.16.9/chain_empty"))([1f0, 2f0]) == [1f0, 2f0]
    end
    @testset "a part of a model, by its path" begin
        m = genuine(root, "flux-0.16.9/checkpoint")
        @test rebuilt(P, m, "model.layers[2]").weight == m["model.layers[2].weight"]
        @test rebuilt(P, m, "model.layers[1].σ") === P.NNlib.relu
        @test rebuilt(P, m, "epoch") == m["epoch"]
        @test rebuilt(P, m).layers[1].weight == m["model.layers[1].weight"]
    end
end

function test_refusals(P, root)
    @testset "what is not known is named, and nothing is made" begin
        m = genuine(root, "flux-0.16.9/closure_array")
        e = thrown(() -> rebuilt(P, m))
        @test e isa UnknownLayer
        @test e.path == "m.layers[2]"
        @test occursin("rebuild(m; functions = Dict(\"m.layers[2]\" => …))", sprint(showerror, e))
        @test rebuilt(P, m; functions = Dict("m.layers[2]" => identity)).layers[2] === identity

        m = genuine(root, "flux-0.16.9/user_struct")
        saved = FluxAirlock.unregister(["Main", "Affine2"])
        e = thrown(() -> rebuilt(P, m))
        @test e isa UnknownLayer
        @test e.path == "m.layers[1]"
        @test occursin("FluxAirlock.register([\"Main\", \"Affine2\"] =>", sprint(showerror, e))
        FluxAirlock.register(["Main", "Affine2"] => saved)
        @test rebuilt(P, m).layers[1] isa Cases.Affine2
    end
    @testset "a function for nothing is an error" begin
        m = genuine(root, "flux-0.16.9/dense")
        e = thrown(() -> rebuilt(P, m; functions = Dict("m.layers[7]" => identity)))
        @test e isa UsageError && e.code === Symbol("no-such-path")
        e = thrown(() -> rebuilt(P, m; functions = Dict("m.weight" => identity)))
        @test e isa UsageError && e.code === Symbol("not-opaque")
    end
    @testset "several models: which" begin
        e = thrown(() -> FluxAirlock.the_model(genuine(root, "flux-0.16.9/gan")))
        @test e isa UsageError && occursin("\"disc\", \"gen\"", e.message)
    end
    @testset "differences are said once, where there are some" begin
        function warned(name)
            logger = Test.TestLogger(min_level = Base.CoreLogging.Warn)
            Base.CoreLogging.with_logger(() -> FluxAirlock.rebuild(P, genuine(root, name), FluxAirlock.the_model(genuine(root, name)), Dict{String,Any}()), logger)
            return join((log.message for log in logger.logs), "\n")
        end
        @test warned("flux-0.16.9/dense") == ""
        @test occursin("m.layers[1]: ", warned("flux-0.13.17/lstm"))
        @test occursin("model: ", warned("made/group_norm_0_11"))
    end
end

function test_loading(P, root)
    F = P.Flux
    dense(i, o, σ = identity) = F.Dense(zeros(Float32, o, i), zeros(Float32, o), σ)
    two(i, n, o) = F.Chain((dense(i, n, P.NNlib.relu), dense(n, o)))
    norm(n) = F.BatchNorm(identity, zeros(Float32, n), zeros(Float32, n), zeros(Float32, n), zeros(Float32, n), 1f-5, 0.1f0, true, true, nothing, n)
    snapshot(model) = Dict(a => copy(a) for a in arrays_of(P, model))
    unchanged(before) = all(pair -> pair.first == pair.second, before)

    @testset "a file of any version fills a model of today" begin
        for version in ("0.8.3", "0.11.6", "0.13.17", "0.16.9")
            m = genuine(root, "flux-$version/checkpoint")
            mine = two(3, 4, 1)
            @test fill_from!(P, mine, m, "model") === mine
            @test mine.layers[1].weight == m["model.layers[1].weight"]
            @test mine.layers[2].bias == m["model.layers[2].bias"]
            @test mine.layers[1].σ === P.NNlib.relu
            # The eltype is that of the model that is filled.
            doubles = F.Chain((F.Dense(zeros(4, 3), zeros(4), tanh), F.Dense(zeros(1, 4), zeros(1), tanh)))
            fill_from!(P, doubles, m, "model")
            @test doubles.layers[1].weight == Float64.(m["model.layers[1].weight"])
            @test doubles.layers[1].σ === tanh
        end
    end
    @testset "lists of parameters go in their order" begin
        for version in ("0.8.3", "0.11.6", "0.13.17", "0.16.9"), name in ("weights_params", "weights_collect")
            m = genuine(root, "flux-$version/$name")
            mine = two(3, 4, 1)
            fill_from!(P, mine, m)
            at(i) = first(m[path] for path in ("weights.order.data[$i]", "weights.order[$i]", "weights[$i]") if haskey(m, path))
            @test [mine.layers[1].weight, mine.layers[1].bias, mine.layers[2].weight, mine.layers[2].bias] == map(at, 1:4)
        end
        m = genuine(root, "flux-0.16.9/destructure")
        mine = two(3, 4, 1)
        fill_from!(P, mine, m, "flat")
        @test vcat(vec(mine.layers[1].weight), mine.layers[1].bias, vec(mine.layers[2].weight), mine.layers[2].bias) == m["flat"]

        m = genuine(root, "flux-0.16.9/weights_collect")
        mine = F.Chain((dense(3, 4), dense(4, 1), dense(1, 1)))
        before = snapshot(mine)
        e = thrown(() -> fill_from!(P, mine, m))
        @test e isa Misfit && occursin("the model has 6 trainable arrays, and the list 4", sprint(showerror, e))
        @test unchanged(before)
    end
    @testset "a state fills a model" begin
        for version in ("0.13.17", "0.16.9")
            m = genuine(root, "flux-$version/state")
            mine = F.Chain((dense(3, 4), norm(4), F.Dropout(0.1), dense(4, 1)))
            fill_from!(P, mine, m)
            @test mine.layers[1].weight == m["model_state.layers[1].weight"]
            @test mine.layers[2].σ² == m["model_state.layers[2].σ²"]
            @test mine.layers[4].bias == m["model_state.layers[4].bias"]
        end
    end
    @testset "what does not fit changes nothing, and is named on both sides" begin
        m = genuine(root, "flux-0.16.9/checkpoint")
        # The first layer would fit.
        mine = F.Chain((dense(3, 4), dense(4, 2)))
        fill!(mine.layers[1].weight, 7)
        before = snapshot(mine)
        e = thrown(() -> fill_from!(P, mine, m, "model"))
        @test e isa Misfit
        @test [(p.model_path, p.file_path) for p in e.problems] ==
              [("model.layers[2].weight", "model.layers[2].weight"), ("model.layers[2].bias", "model.layers[2].bias")]
        @test occursin("(2, 4)", e.problems[1].message) && occursin("(1, 4)", e.problems[1].message)
        @test occursin("unchanged", sprint(showerror, e))
        @test unchanged(before)

        missing_layer = F.Chain((dense(3, 4),))
        e = thrown(() -> fill_from!(P, missing_layer, m, "model"))
        @test e isa Misfit && all(p -> occursin("layers[2]", p.file_path), e.problems)
        extra_layer = F.Chain((dense(3, 4), dense(4, 1), dense(1, 1)))
        e = thrown(() -> fill_from!(P, extra_layer, m, "model"))
        @test e isa Misfit && e.problems[1].model_path == "model.layers[3]"
        whole = F.Chain((F.Dense(zeros(Int, 4, 3), zeros(Int, 4), identity), dense(4, 1)))
        e = thrown(() -> fill_from!(P, whole, m, "model"))
        @test e isa Misfit && occursin("Int", e.problems[1].message)
    end
    @testset "ties of the model are kept, and ties of the file need not be" begin
        m = genuine(root, "flux-0.16.9/tied_transpose")
        layers_of = [m["m.layers[1].weight"] isa Array, m["m.layers[2].weight"] isa Array]
        @test count(layers_of) == 1
        plain = rebuilt(P, m)
        n = size(plain.layers[1].weight, 2)
        k = size(plain.layers[1].weight, 1)
        A = zeros(Float32, size(plain.layers[1].weight))
        tied = F.Chain((F.Dense(A, zeros(Float32, k), identity), F.Dense(transpose(A), zeros(Float32, n), identity)))
        fill_from!(P, tied, m)
        @test A == plain.layers[1].weight
        @test tied.layers[2].weight == plain.layers[2].weight

        # Two arrays of the file's are not one.
        m = genuine(root, "flux-0.16.9/dense_f64")
        sizes = map(l -> size(l.weight), rebuilt(P, m).layers)
        square = genuine(root, "flux-0.16.9/chain_deep")
        W = zeros(Float32, 2, 2)
        inner(x) = x.layers[1] isa F.Chain ? inner(x.layers[1]) : x
        path = "m" * ".layers[1]"^24
        mine = F.Chain((F.Dense(W, zeros(Float32, 2), identity), F.Dense(W, zeros(Float32, 2), identity)))
        e = thrown(() -> fill_from!(P, mine, square, path))
        @test e isa Misfit && occursin("ties it to", sprint(showerror, e))
        @test iszero(W)
    end
    @testset "a bias that the model has not" begin
        m = genuine(root, "flux-0.16.9/dense")
        W, b = m["m.weight"], m["m.bias"]
        mine = F.Dense(zero(W), false, identity)
        e = thrown(() -> fill_from!(P, mine, m))
        @test iszero(b) ? e === nothing : e isa Misfit
        m = genuine(root, "flux-0.16.9/dense_nobias")
        mine = F.Chain(map(l -> F.Dense(ones(Float32, size(l.weight)), ones(Float32, size(l.weight, 1)), identity), rebuilt(P, m).layers))
        fill_from!(P, mine, m)
        @test any(l -> iszero(l.bias), mine.layers)
    end
end

end
