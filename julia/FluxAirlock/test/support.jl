# Where the files are, and what is expected of them.

const CORPUS = normpath(joinpath(@__DIR__, "..", "..", "..", "tests", "corpus"))

# Every model file of a folder and below, sorted.
function models(folders...)
    found = String[]
    for (root, _, files) in walkdir(joinpath(CORPUS, folders...))
        append!(found, joinpath(root, file) for file in files if endswith(file, ".bson"))
    end
    return sort!(found)
end

fixture(parts...) = joinpath(CORPUS, "accept", parts...)

unverified(path; options...) = load(path; unverified = true, options...)

digest(path) = "sha256:" * bytes2hex(open(sha256, path))

# The error that `f` throws.
function thrown(f)
    try
        f()
    catch e
        return e
    end
    return nothing
end

message(e) = sprint(showerror, e)

# The raw bytes of an array in the order of its memory.
function raw(a::Array)
    out = IOBuffer()
    write(out, a)
    return take!(out)
end
raw(::Array{Nothing}) = UInt8[]

# A value of TOML as it stands in these files: JSON's, but for eight-digit escapes and inline tables of numbers.
function toml_value(text)
    if startswith(text, "{")
        return Dict{String,Any}(
            replace(strip(key), '-' => '_') => JSON.parse(strip(value)) for
            (key, value) in (split(entry, "="; limit = 2) for entry in split(strip(text, ['{', '}']), ","))
        )
    end
    return JSON.parse(replace(text, r"\\U[0-9A-F]{8}" => escape -> string(Char(parse(UInt32, escape[3:end]; base = 16)))))
end

# The tables of an `expected.toml` of the corpus, which `cargo xtask fixtures` writes: one `key = value` a line, values of one line.
function expected(folders...)
    tables = Dict{String,Any}[]
    into = nothing
    for line in eachline(joinpath(CORPUS, folders..., "expected.toml"))
        if line == "[[file]]"
            into = Dict{String,Any}("arrays" => [])
            push!(tables, into)
        elseif line == "[[file.arrays]]"
            into = Dict{String,Any}()
            push!(tables[end]["arrays"], into)
        elseif startswith(line, "[")
            into = Dict{String,Any}()
        elseif occursin(" = ", line) && into !== nothing
            key, value = split(line, " = "; limit = 2)
            into[key] = toml_value(value)
        end
    end
    return tables
end
