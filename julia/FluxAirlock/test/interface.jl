# The C interface, as it is written in the header and as it is called from here.

const HEADER = normpath(joinpath(@__DIR__, "..", "..", "..", "crates", "capi", "include", "flux_airlock.h"))

const STRUCTS = [
    "airlock_text" => FluxAirlock.Text,
    "airlock_error_info" => FluxAirlock.ErrorInfo,
    "airlock_model_info" => FluxAirlock.ModelInfo,
    "airlock_evidence" => FluxAirlock.EvidenceInfo,
    "airlock_variable" => FluxAirlock.VariableInfo,
    "airlock_node" => FluxAirlock.NodeInfo,
    "airlock_child" => FluxAirlock.ChildInfo,
    "airlock_note" => FluxAirlock.NoteInfo,
    "airlock_array" => FluxAirlock.ArrayInfo,
]

# The numbers of the header's enumerations, which have the same names here.
const CONSTANTS = filter(names(FluxAirlock; all = true)) do name
    any(prefix -> startswith(string(name), prefix), ("ABI_", "NONE", "STATUS_", "ENUM_", "FORM_", "NODE_TEXT_", "LIST_", "MODEL_TEXT_", "WRITE_"))
end

@testset "structs and numbers are those that the C compiler knows" begin
    @test length(CONSTANTS) >= 30
    if isfile(HEADER) && Sys.which("cc") !== nothing
        program = IOBuffer()
        print(program, "#include <stdio.h>\n#include <stddef.h>\n#include \"$HEADER\"\nint main(void) {\n")
        wanted = String[]
        for (name, T) in STRUCTS
            print(program, "printf(\"$name %zu\\n\", sizeof($name));\n")
            push!(wanted, "$name $(sizeof(T))")
            for i in 1:fieldcount(T)
                print(program, "printf(\"$name.$(fieldname(T, i)) %zu\\n\", offsetof($name, $(fieldname(T, i))));\n")
                push!(wanted, "$name.$(fieldname(T, i)) $(fieldoffset(T, i))")
            end
        end
        for constant in CONSTANTS
            print(program, "printf(\"$constant %u\\n\", (unsigned)AIRLOCK_$constant);\n")
            push!(wanted, "$constant $(getfield(FluxAirlock, constant))")
        end
        print(program, "return 0; }\n")
        mktempdir() do folder
            write(joinpath(folder, "layout.c"), take!(program))
            run(`cc -o $(joinpath(folder, "layout")) $(joinpath(folder, "layout.c"))`)
            @test split(chomp(read(`$(joinpath(folder, "layout"))`, String)), '\n') == wanted
        end
    elseif haskey(ENV, "CI")
        @test "the header and a C compiler" == "there"
    end
end

@testset "every function is declared in the header with as many arguments" begin
    if isfile(HEADER)
        text = replace(read(HEADER, String), r"/\*.*?\*/"s => "")
        text = replace(text, r"//[^\n]*" => "")
        for (name, _) in FluxAirlock.IMPORTS
            found = match(Regex("\\b$name\\s*\\(([^)]*)\\)"), text)
            @test found !== nothing
            found === nothing && continue
            list = strip(found.captures[1])
            arguments = list == "void" || isempty(list) ? 0 : count(==(','), list) + 1
            method = first(methods(getfield(FluxAirlock, name)))
            @test method.nargs - 1 == arguments
        end
    elseif haskey(ENV, "CI")
        @test "the header" == "there"
    end
end

@testset "the closed lists have no gap" begin
    @test length(FluxAirlock.kinds()) > 100
    @test allunique([kind.name for kind in FluxAirlock.kinds()])
    @test allunique(FluxAirlock.functions())
    @test all(kind -> kind.group in (:layer, :callable, :data, :optimiser, :random, :wrapper), FluxAirlock.kinds())
    @test FluxAirlock.fieldsof(:Dense) == [:weight, :bias, :σ]
    @test thrown(() -> FluxAirlock.fieldsof(:NoSuchKind)) isa ArgumentError
    @test Symbol("NNlib.relu") in FluxAirlock.functions()
end
