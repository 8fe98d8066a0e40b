# The examples in docstrings run and print what they say. Documenter checks them as doctests where it is; this runs without.

# The blocks of a docstring that are examples, each as pairs of what is typed and what is printed.
function examples(text)
    blocks = []
    for block in eachmatch(r"```jldoctest([^\n]*)\n(.*?)```"s, text)
        steps = Pair{String,String}[]
        typed, printed = IOBuffer(), IOBuffer()
        in_input = false
        for line in split(chomp(block.captures[2]), '\n')
            if startswith(line, "julia> ")
                in_input && push!(steps, String(take!(typed)) => strip(String(take!(printed))))
                print(typed, line[8:end])
                in_input = true
            elseif in_input && startswith(line, "       ") && printed.size == 0
                print(typed, '\n', line[8:end])
            elseif isempty(line) && printed.size == 0
            else
                println(printed, line)
            end
        end
        in_input && push!(steps, String(take!(typed)) => strip(String(take!(printed))))
        setup = match(r"setup = :\((.*)\)$", block.captures[1])
        push!(blocks, (setup = setup === nothing ? "" : setup.captures[1], steps = steps))
    end
    return blocks
end

# What a REPL would print for it.
function typed(sandbox, code)
    value = nothing
    printed = mktemp() do _, io
        value = redirect_stdout(() -> Core.eval(sandbox, Meta.parse("begin\n$code\nend")), io)
        flush(io)
        seekstart(io)
        read(io, String)
    end
    quiet = endswith(rstrip(code), ';') || value === nothing
    shown = quiet ? "" : Base.invokelatest(sprint, show, MIME("text/plain"), value)
    return strip(printed * shown)
end

@testset "the examples in the documentation run" begin
    count = 0
    undocumented = Symbol[]
    for (binding, documents) in Base.Docs.meta(FluxAirlock), (_, document) in documents.docs
        for example in examples(join(document.text))
            sandbox = Module(:Example)
            Core.eval(sandbox, :(pkgdir(m) = $(normpath(joinpath(@__DIR__, "..")))))
            isempty(example.setup) || Core.eval(sandbox, Meta.parse("begin $(example.setup) end"))
            for (code, printed) in example.steps
                found = typed(sandbox, code)
                found == printed || @error "an example of $binding prints something else" code found printed
                @test found == printed
                count += 1
            end
        end
    end
    FluxAirlock.unregister("Main.MyNet")
    @test count >= 5
    for name in names(FluxAirlock)
        name === :FluxAirlock || haskey(Base.Docs.meta(FluxAirlock), Base.Docs.Binding(FluxAirlock, name)) || push!(undocumented, name)
    end
    @test undocumented == []
end
