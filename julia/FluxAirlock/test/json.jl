# A reader for the JSON of the tests' own truths. Strict enough that a broken truth is an error and not a pass.

module JSON

parse(text::AbstractString) = begin
    bytes = Vector{UInt8}(text)
    value, at = read_value(bytes, skip_space(bytes, 1))
    skip_space(bytes, at) > length(bytes) || error("text after the value")
    value
end

skip_space(b, i) = (while i <= length(b) && b[i] in (0x20, 0x09, 0x0a, 0x0d); i += 1; end; i)

function read_value(b, i)
    c = Char(b[i])
    c == '{' && return read_object(b, i)
    c == '[' && return read_array(b, i)
    c == '"' && return read_string(b, i)
    for (word, value) in ("true" => true, "false" => false, "null" => nothing)
        startswith_at(b, i, word) && return value, i + length(word)
    end
    return read_number(b, i)
end

startswith_at(b, i, word) = i + length(word) - 1 <= length(b) && b[i:i+length(word)-1] == Vector{UInt8}(word)

function read_object(b, i)
    object = Dict{String,Any}()
    i = skip_space(b, i + 1)
    b[i] == UInt8('}') && return object, i + 1
    while true
        key, i = read_string(b, i)
        i = skip_space(b, i)
        b[i] == UInt8(':') || error("no colon at $i")
        haskey(object, key) && error("a key twice: $key")
        object[key], i = read_value(b, skip_space(b, i + 1))
        i = skip_space(b, i)
        b[i] == UInt8('}') && return object, i + 1
        b[i] == UInt8(',') || error("no comma at $i")
        i = skip_space(b, i + 1)
    end
end

function read_array(b, i)
    array = Any[]
    i = skip_space(b, i + 1)
    b[i] == UInt8(']') && return array, i + 1
    while true
        value, i = read_value(b, i)
        push!(array, value)
        i = skip_space(b, i)
        b[i] == UInt8(']') && return array, i + 1
        b[i] == UInt8(',') || error("no comma at $i")
        i = skip_space(b, i + 1)
    end
end

function read_string(b, i)
    b[i] == UInt8('"') || error("no string at $i")
    out = IOBuffer()
    i += 1
    while b[i] != UInt8('"')
        if b[i] == UInt8('\\')
            c = Char(b[i+1])
            if c == 'u'
                unit = Base.parse(UInt32, String(b[i+2:i+5]); base = 16)
                i += 6
                if 0xd800 <= unit <= 0xdbff
                    low = Base.parse(UInt32, String(b[i+2:i+5]); base = 16)
                    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                    i += 6
                end
                print(out, Char(unit))
            else
                plain = Dict('n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', '"' => '"', '\\' => '\\', '/' => '/')
                print(out, plain[c])
                i += 2
            end
        else
            write(out, b[i])
            i += 1
        end
    end
    return String(take!(out)), i + 1
end

function read_number(b, i)
    j = i
    while j <= length(b) && Char(b[j]) in "+-0123456789.eE"
        j += 1
    end
    text = String(b[i:j-1])
    whole = tryparse(Int, text)
    return whole === nothing ? Base.parse(Float64, text) : whole, j
end

end
