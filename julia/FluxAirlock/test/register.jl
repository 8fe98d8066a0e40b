# Types of one's own: the table of what is unknown, and what is typed from it.

@testset "what is registered is found, and nothing else" begin
    build = fields -> fields
    @test FluxAirlock.register(["Main", "MyNet"] => build) === nothing
    @test FluxAirlock.registered(["Main", "MyNet"]) === build
    @test FluxAirlock.registered("Main.MyNet") === build
    @test FluxAirlock.registered(["MyNet"]) === nothing
    @test FluxAirlock.register("Main.MyNet" => identity) === build
    @test FluxAirlock.unregister(["Main", "MyNet"]) === identity
    @test FluxAirlock.registered(["Main", "MyNet"]) === nothing
    @test FluxAirlock.unregister(["Main", "MyNet"]) === nothing
end

@testset "the table of what is unknown has a line to paste" begin
    m = unverified(fixture("flux-0.16.9", "user_struct.bson"))
    table = FluxAirlock.unregistered(m)
    @test length(table) >= 1
    row = table[1]
    @test row.why === Symbol("unknown-struct")
    @test row.fields == length(FluxAirlock.value(m, row.paths[1]).children)
    # The line is code that does what it says.
    parsed = Meta.parse(row.line)
    @test parsed.args[1] == :(FluxAirlock.register)
    key = eval(parsed.args[2].args[2])
    @test key == row.type
    FluxAirlock.register(key => fields -> fields)
    @test !any(left -> left.type == row.type, FluxAirlock.unregistered(m))
    FluxAirlock.unregister(key)
    @test occursin(row.line, sprint(show, MIME("text/plain"), table))
    @test sprint(show, MIME("text/plain"), FluxAirlock.unregistered(unverified(fixture("flux-0.16.9", "dense.bson")))) ==
          "Everything in the model is known or registered."
end

@testset "a closure is listed with its path" begin
    table = FluxAirlock.unregistered(unverified(fixture("flux-0.11.6", "closure_array.bson")))
    closures = filter(row -> row.why === :closure, collect(table))
    @test !isempty(closures)
    @test occursin("functions = Dict(", closures[1].line)
end

@testset "a line to paste never calls what a name says that is no type of one's own" begin
    why = Symbol("unknown-struct")
    line(parts...) = FluxAirlock.register_line(FluxAirlock.Opaque(UInt32(0), why, collect(String, parts), Any[], ""))
    @test line("Main", "MyNet") == "FluxAirlock.register([\"Main\", \"MyNet\"] => fields -> MyNet(fields...))"
    @test line("MyPackage", "Sub", "Net") == "FluxAirlock.register([\"MyPackage\", \"Sub\", \"Net\"] => fields -> MyPackage.Sub.Net(fields...))"
    hostile = [
        ("Main", "eval"), ("Base", "run"), ("Base", "Libc", "X"), ("Main", "Base", "Cmd"), ("Core", "X"), ("Main",),
        ("Main", "N(); run(`rm`); ("), ("Main", "\$(run(`rm`))"), ("Main", "\")); run(`rm`) #"), ("Main", "X\nrun(`rm`)"), ("Main", "Ⅹ"),
    ]
    for parts in hostile
        text = line(parts...)
        @test endswith(text, "=> fields -> …)")
        @test !occursin('\n', text)
        key = Meta.parse(text[length("FluxAirlock.register(")+1:prevind(text, findlast(" => ", text)[1])])
        @test key.head === :vect && all(part -> part isa String, key.args)
        @test key.args == collect(parts)
    end
    for path in ("m.layers[1]", "var\"a\\\"b\".x", "a\$(run(`rm`))")
        text = FluxAirlock.closure_line(path)
        literal = text[length("rebuild(m; functions = Dict(")+1:prevind(text, findlast(" => ", text)[1])]
        @test Meta.parse(literal) == path
    end
end
