# Models and nodes as Flux prints them. What is shown of a file was escaped by the library.

function Base.show(io::IO, m::Model)
    isopen(m) || return print(io, "FluxAirlock.Model(closed)")
    print(io, "FluxAirlock.Model(")
    shown = each(v -> (text_or_empty(v.path), v.node), airlock_model_variables, VariableInfo, m.handle, file(m))
    for (i, (path, id)) in enumerate(shown)
        print(io, i == 1 ? "" : ", ", path, " = ", node_text(m.handle, id, NODE_TEXT_SUMMARY, file(m)))
    end
    print(io, ")")
end

function Base.show(io::IO, ::MIME"text/plain", m::Model)
    isopen(m) || return show(io, m)
    about = m.about
    print(io, "FluxAirlock.Model of ", subject(file(m)), ", ", grouped(about.bytes), " bytes")
    print(io, "\n  sha256:", about.sha256)
    vouched = evidence(m)
    print(io, "\n  evidence  ", isempty(vouched) ? "none: nobody vouches for these bytes" : join((string(e.kind) for e in vouched), ", "))
    by = String[]
    about.flux === nothing || push!(by, string("Flux ", endswith(about.flux, "–") ? chop(about.flux) * " or later" : about.flux))
    about.julia === nothing || push!(by, "Julia $(about.julia)")
    isempty(by) || print(io, "\n  saved by  ", join(by, ", "))
    cost = about.sandbox
    print(io, "\n  sandbox   fuel ", grouped(cost.fuel_used), " of ", grouped(cost.fuel_limit), ", memory ", cost.memory_bytes >> 10)
    print(io, " KiB, ", grouped(cost.wall_us), " µs")
    shown = each(v -> (text_or_empty(v.path), v.node), airlock_model_variables, VariableInfo, m.handle, file(m))
    for (path, id) in shown
        print(io, "\n\n", path, " = ", node_text(m.handle, id, NODE_TEXT_TREE, file(m)))
    end
    beside(io, length(opaque(m)), "value is", "values are", "not rebuilt: `opaque(m)`")
    beside(io, length(omitted(m)), "array is", "arrays are", "no part of the model: `omitted(m)`")
    beside(io, length(notes(m)), "value", "values", "mean something else to Flux of today: `notes(m)`")
end

function beside(io, count, one, many, what)
    count == 0 || print(io, "\n\n", grouped(count), " ", count == 1 ? one : many, " ", what)
end

# 1234567 as 1,234,567.
function grouped(n::Integer)
    digits = string(n)
    first = mod1(length(digits), 3)
    return join([digits[1:first]; [digits[i:i+2] for i in first+1:3:length(digits)]], ",")
end

Base.show(io::IO, node::Struct) = print(io, "FluxAirlock.Struct(", node.kind, ")")
Base.show(io::IO, node::KnownFunction) = print(io, "FluxAirlock.KnownFunction(", node.name, ")")
Base.show(io::IO, node::Tensor) = print(io, "FluxAirlock.Tensor(", node.path, ": ", what(node), ")")
Base.show(io::IO, node::SymbolText) = print(io, "FluxAirlock.SymbolText(", repr(node.name), ")")
Base.show(io::IO, node::Opaque) = print(io, "FluxAirlock.Opaque(", node.why, isempty(node.type) ? "" : string(" ", quoted_path(node.type)), ")")
Base.show(io::IO, node::Node) = print(io, "FluxAirlock.", nameof(typeof(node)), "(", length(children(node)), " values)")

# A type's path as text: parts that are no identifiers are quoted.
quoted_path(parts) = join((Base.isidentifier(part) ? part : string("var", repr(part)) for part in parts), ".")
