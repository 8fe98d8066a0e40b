# Every call into libflux_airlock, and what its structs look like from here.
#
# Nothing else in the package knows a pointer. A handle is kept alive while memory that belongs to it is read, texts are
# copied at once, and a status that is not 0 becomes an exception here.

const ABI_VERSION = 3
const NONE = typemax(UInt32)

# Text of the library, or none where `ptr` is null. It lives as long as what it was read from.
struct Text
    ptr::Ptr{UInt8}
    len::Csize_t
end

text(t::Text) = t.ptr == C_NULL ? nothing : unsafe_string(t.ptr, t.len)
text_or_empty(t::Text) = t.ptr == C_NULL ? "" : unsafe_string(t.ptr, t.len)

struct ErrorInfo
    status::UInt32
    has_offset::UInt32
    offset::UInt64
    granted::UInt64
    code::Text
    message::Text
    text::Text
    path::Text
    limit::Text
    report::Text
end

struct ModelInfo
    file_path::Text
    file_sha256::Text
    guest_sha256::Text
    written_by_flux::Text
    written_by_julia::Text
    written_by_bson_jl::Text
    file_bytes::UInt64
    fuel_used::UInt64
    fuel_limit::UInt64
    memory_bytes::UInt64
    wall_us::UInt64
    scalars_more::UInt64
    nodes::UInt32
    arrays::UInt32
end

struct EvidenceInfo
    kind::Text
    digest::Text
    lock::Text
    format::Text
    key_id::Text
    signer::Text
    comment::Text
    name::Text
    registry::Text
    version::UInt64
    time::UInt64
end

struct VariableInfo
    name::Text
    path::Text
    node::UInt32
end

struct NodeInfo
    id::UInt32
    form::UInt32
    number::UInt32
    children::UInt32
    ndims::UInt32
    eltype::UInt32
    has_integer::UInt32
    has_real::UInt32
    integer::Int64
    real::Float64
    bits::NTuple{32,UInt8}
    name::Text
    text::Text
end

struct ChildInfo
    name::Text
    node::NodeInfo
end

struct NoteInfo
    node::UInt32
    number::UInt32
    code::Text
    message::Text
end

struct ArrayInfo
    number::UInt32
    node::UInt32
    eltype::UInt32
    width::UInt32
    ndims::UInt32
    also_at::UInt32
    also_at_more::UInt64
    size::Ptr{UInt64}
    data::Ptr{UInt8}
    len::Csize_t
    offset::UInt64
    path::Text
    eltype_name::Text
    omitted::Text
end

# The functions of the library that are used, with the address of each once the library is open.
const IMPORTS = Pair{Symbol,Base.RefValue{Ptr{Cvoid}}}[]

# `@foreign f(a::A, b::B)::R` declares a function of the library, to be called like any other.
macro foreign(signature)
    call, result = signature.args
    name = call.args[1]
    arguments = [argument.args[1] for argument in call.args[2:end]]
    types = [argument.args[2] for argument in call.args[2:end]]
    address = Symbol(name, :_address)
    return esc(quote
        const $address = Ref{Ptr{Cvoid}}(C_NULL)
        push!(IMPORTS, $(QuoteNode(name)) => $address)
        $name($(arguments...)) = ccall($address[], $result, ($(types...),), $(arguments...))
    end)
end

@foreign airlock_abi_version()::UInt32
@foreign airlock_release(handle::UInt64)::UInt32
@foreign airlock_enum_count(which::UInt32)::UInt32
@foreign airlock_enum_name(which::UInt32, number::UInt32)::Text
@foreign airlock_kind_group(kind::UInt32)::Text
@foreign airlock_kind_field_count(kind::UInt32)::UInt32
@foreign airlock_kind_field(kind::UInt32, place::UInt32)::Text
@foreign airlock_function_module(function_::UInt32)::Text
@foreign airlock_eltype_width(eltype::UInt32)::UInt32
@foreign airlock_error_read(error::UInt64, out::Ptr{ErrorInfo})::UInt32
@foreign airlock_string_read(string::UInt64, out::Ptr{Text})::UInt32
@foreign airlock_options_new(options::Ptr{UInt64}, error::Ptr{UInt64})::UInt32
@foreign airlock_options_limit(options::UInt64, name::Ptr{UInt8}, name_len::Csize_t, granted::UInt64, error::Ptr{UInt64})::UInt32
@foreign airlock_options_evidence(
    options::UInt64, kind::Ptr{UInt8}, kind_len::Csize_t, value::Ptr{UInt8}, value_len::Csize_t, error::Ptr{UInt64},
)::UInt32
@foreign airlock_options_policy(options::UInt64, path::Ptr{UInt8}, path_len::Csize_t, error::Ptr{UInt64})::UInt32
@foreign airlock_options_types(options::UInt64, path::Ptr{UInt8}, path_len::Csize_t, error::Ptr{UInt64})::UInt32
@foreign airlock_engine_new(engine::Ptr{UInt64}, error::Ptr{UInt64})::UInt32
@foreign airlock_open_path(
    engine::UInt64, options::UInt64, path::Ptr{UInt8}, path_len::Csize_t, model::Ptr{UInt64}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_open_bytes(
    engine::UInt64, options::UInt64, name::Ptr{UInt8}, name_len::Csize_t, bytes::Ptr{UInt8}, len::Csize_t,
    model::Ptr{UInt64}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_inspect_path(
    engine::UInt64, options::UInt64, path::Ptr{UInt8}, path_len::Csize_t, string::Ptr{UInt64}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_inspect_bytes(
    engine::UInt64, options::UInt64, name::Ptr{UInt8}, name_len::Csize_t, bytes::Ptr{UInt8}, len::Csize_t,
    string::Ptr{UInt64}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_model_info_read(model::UInt64, out::Ptr{ModelInfo}, error::Ptr{UInt64})::UInt32
@foreign airlock_model_evidence(
    model::UInt64, first::Csize_t, out::Ptr{EvidenceInfo}, capacity::Csize_t, count::Ptr{Csize_t}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_model_variables(
    model::UInt64, first::Csize_t, out::Ptr{VariableInfo}, capacity::Csize_t, count::Ptr{Csize_t}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_node_read(model::UInt64, node::UInt32, out::Ptr{NodeInfo}, error::Ptr{UInt64})::UInt32
@foreign airlock_node_children(
    model::UInt64, node::UInt32, first::Csize_t, out::Ptr{ChildInfo}, capacity::Csize_t, count::Ptr{Csize_t}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_node_size(
    model::UInt64, node::UInt32, first::Csize_t, out::Ptr{UInt64}, capacity::Csize_t, count::Ptr{Csize_t}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_node_type(
    model::UInt64, node::UInt32, first::Csize_t, out::Ptr{Text}, capacity::Csize_t, count::Ptr{Csize_t}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_node_find(model::UInt64, path::Ptr{UInt8}, path_len::Csize_t, node::Ptr{UInt32}, error::Ptr{UInt64})::UInt32
@foreign airlock_node_text_new(model::UInt64, node::UInt32, which::UInt32, string::Ptr{UInt64}, error::Ptr{UInt64})::UInt32
@foreign airlock_model_nodes(
    model::UInt64, which::UInt32, first::Csize_t, out::Ptr{UInt32}, capacity::Csize_t, count::Ptr{Csize_t}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_model_notes(
    model::UInt64, first::Csize_t, out::Ptr{NoteInfo}, capacity::Csize_t, count::Ptr{Csize_t}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_model_arrays(
    model::UInt64, first::Csize_t, out::Ptr{ArrayInfo}, capacity::Csize_t, count::Ptr{Csize_t}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_array_copy(model::UInt64, array::UInt32, out::Ptr{Cvoid}, len::Csize_t, error::Ptr{UInt64})::UInt32
@foreign airlock_model_text_new(model::UInt64, which::UInt32, string::Ptr{UInt64}, error::Ptr{UInt64})::UInt32
@foreign airlock_model_only(
    model::UInt64, variable::Ptr{UInt8}, variable_len::Csize_t, only::Ptr{UInt64}, error::Ptr{UInt64},
)::UInt32
@foreign airlock_model_write(
    model::UInt64, format::Ptr{UInt8}, format_len::Csize_t, path::Ptr{UInt8}, path_len::Csize_t, flags::UInt32, error::Ptr{UInt64},
)::UInt32

# The numbers of the header's enumerations.
const STATUS_MALFORMED = UInt32(1)
const STATUS_LIMIT = UInt32(2)
const STATUS_NOT_VERIFIED = UInt32(3)
const STATUS_INPUT = UInt32(6)
const STATUS_OUTPUT = UInt32(7)
const STATUS_USAGE = UInt32(8)

const ENUM_ELTYPE = UInt32(1)
const ENUM_FUNCTION = UInt32(3)
const ENUM_KIND = UInt32(4)
const ENUM_LIMIT = UInt32(5)
const ENUM_WHY = UInt32(8)

const FORM_ARRAY = UInt32(0)
const FORM_FUNCTION = UInt32(1)
const FORM_LIST = UInt32(2)
const FORM_NAMED_TUPLE = UInt32(3)
const FORM_NOTHING = UInt32(4)
const FORM_NUMBER = UInt32(5)
const FORM_OPAQUE = UInt32(6)
const FORM_RECORD = UInt32(7)
const FORM_STRING = UInt32(8)
const FORM_STRUCT = UInt32(9)
const FORM_SYMBOL = UInt32(10)
const FORM_TENSOR = UInt32(11)
const FORM_TUPLE = UInt32(12)

const NODE_TEXT_PATH = UInt32(0)
const NODE_TEXT_SUMMARY = UInt32(1)
const NODE_TEXT_TREE = UInt32(2)
const NODE_TEXT_MESSAGE = UInt32(5)

const LIST_OPAQUE = UInt32(0)

const MODEL_TEXT_REPORT = UInt32(0)
const MODEL_TEXT_REPORT_INDENTED = UInt32(1)

const WRITE_OVERWRITE = UInt32(1)
const WRITE_OMIT = UInt32(2)

# What the library has closed lists of, by its numbers plus 1.
struct Tables
    eltypes::Vector{String}
    functions::Vector{Symbol}
    groups::Vector{Symbol}
    fields::Vector{Vector{Symbol}}
    kinds::Vector{Symbol}
    kind_of_name::Dict{Symbol,Int}
    limits::Vector{Symbol}
    whys::Vector{Symbol}
    library::String
end

const TABLES = Ref{Tables}()
const IS_OPEN = Threads.Atomic{Bool}(false)
const OPENING = ReentrantLock()

# The tables of the library, which is opened at the first use of them.
function tables()
    IS_OPEN[] || lock(OPENING) do
        IS_OPEN[] && return
        path, handle = open_library()
        version = Libdl.dlsym(handle, :airlock_abi_version; throw_error = false)
        version === nothing && throw(AbiMismatch(path, ABI_VERSION, 0))
        found = ccall(version, UInt32, ())
        found == ABI_VERSION || throw(AbiMismatch(path, ABI_VERSION, found))
        for (name, address) in IMPORTS
            address[] = Libdl.dlsym(handle, name)
        end
        TABLES[] = read_tables(path)
        IS_OPEN[] = true
    end
    return TABLES[]
end

function read_tables(path)
    names(which) = [text_or_empty(airlock_enum_name(which, UInt32(i))) for i in 0:(Int(airlock_enum_count(which))-1)]
    symbols(which) = Symbol.(names(which))
    kinds = symbols(ENUM_KIND)
    numbers = UInt32.(0:(length(kinds)-1))
    fields = [
        [Symbol(text_or_empty(airlock_kind_field(kind, UInt32(i)))) for i in 0:(Int(airlock_kind_field_count(kind))-1)]
        for kind in numbers
    ]
    groups = [Symbol(text_or_empty(airlock_kind_group(kind))) for kind in numbers]
    functions = names(ENUM_FUNCTION)
    modules = [text_or_empty(airlock_function_module(UInt32(i))) for i in 0:(length(functions)-1)]
    return Tables(
        names(ENUM_ELTYPE),
        Symbol.(modules, '.', functions),
        groups,
        fields,
        kinds,
        Dict(kind => place for (place, kind) in enumerate(kinds)),
        [Symbol(replace(name, '-' => '_')) for name in names(ENUM_LIMIT)],
        symbols(ENUM_WHY),
        path,
    )
end

# A handle of the library, released when Julia forgets it. The finalizer neither waits nor yields, on whatever thread it runs.
mutable struct Handle
    number::UInt64
    held::Int
    function Handle(number::UInt64)
        handle = new(number, 0)
        finalizer(release, handle)
        return handle
    end
end

function release(handle::Handle)
    number, held = handle.number, handle.held
    handle.number, handle.held = 0, 0
    Threads.atomic_sub!(HELD_BYTES, held)
    number == 0 || airlock_release(number)
    return nothing
end

# Memory behind handles, which Julia's collector does not see: of a model the bytes of its file, and about what describes it. The
# collector is asked to look once this has doubled since it last did, and is more than 256 MiB.
const OVERHEAD_BYTES = 1 << 14
const COLLECT_LEAST = 1 << 28
const HELD_BYTES = Threads.Atomic{Int}(0)
const COLLECT_AT = Threads.Atomic{Int}(COLLECT_LEAST)

function hold(handle::Handle, bytes)
    handle.held = bytes + OVERHEAD_BYTES
    Threads.atomic_add!(HELD_BYTES, handle.held)
    if HELD_BYTES[] > COLLECT_AT[]
        GC.gc()
        COLLECT_AT[] = max(COLLECT_LEAST, 2HELD_BYTES[])
    end
    return nothing
end

# Calls `f` with an address for the handle that it makes, and one for the error.
function new_handle(f, file)
    made, error = Ref{UInt64}(0), Ref{UInt64}(0)
    # No interrupt between the making of a handle and its finalizer.
    handle = disable_sigint() do
        status = GC.@preserve made error f(address(made), address(error))
        status == 0 ? Handle(made[]) : status
    end
    handle isa Handle || fail(handle, error[], file)
    return handle
end

address(ref::Base.RefValue{T}) where {T} = Ptr{T}(pointer_from_objref(ref))

# Throws what a status and its error object say.
function fail(status::UInt32, error::UInt64, file)
    info = Ref{ErrorInfo}()
    read = GC.@preserve info airlock_error_read(error, address(info))
    read == 0 || throw(EngineError(Symbol("internal"), "the library failed with status $status and does not say why", file))
    e = info[]
    code, message, whole, path = Symbol(text_or_empty(e.code)), text_or_empty(e.message), text_or_empty(e.text), text_or_empty(e.path)
    limit = Symbol(replace(text_or_empty(e.limit), '-' => '_'))
    airlock_release(error)
    offset = e.has_offset == 0 ? -1 : Int(e.offset)
    status == STATUS_MALFORMED && throw(MalformedFile(code, message, offset, path, file))
    status == STATUS_LIMIT && throw(LimitExceeded(code, message, limit, e.granted, offset, path, file))
    status == STATUS_NOT_VERIFIED && throw(NotVerified(code, whole, file))
    status == STATUS_INPUT && throw(InputError(code, whole, file))
    status == STATUS_OUTPUT && throw(OutputError(code, whole, path, file))
    status == STATUS_USAGE && throw(UsageError(code, whole))
    throw(EngineError(code, whole, file))
end

function check(status::UInt32, error::Base.RefValue{UInt64}, file)
    status == 0 || fail(status, error[], file)
    return nothing
end

# The text of a string object that `f` makes.
function new_text(f, file)
    string = new_handle(f, file)
    out = Ref{Text}()
    GC.@preserve out string begin
        airlock_string_read(string.number, address(out)) == 0 || return ""
        result = text_or_empty(out[])
        release(string)
        return result
    end
end

# Calls `f` with a text's address and length.
with_text(f, s::String) = GC.@preserve s f(pointer(s), Csize_t(sizeof(s)))

# A whole list of the model: `f(model, arguments…, first, out, capacity, count, error)`. `use` sees each entry while the model is kept alive.
function each(use, f, ::Type{T}, model::Handle, file, arguments...) where {T}
    count, error = Ref{Csize_t}(0), Ref{UInt64}(0)
    GC.@preserve model count error begin
        status = f(model.number, arguments..., Csize_t(0), Ptr{T}(C_NULL), Csize_t(0), address(count), address(error))
        check(status, error, file)
        entries = Vector{T}(undef, count[])
        status = GC.@preserve entries f(
            model.number, arguments..., Csize_t(0), pointer(entries), Csize_t(length(entries)), address(count), address(error),
        )
        check(status, error, file)
        return [use(entry) for entry in entries]
    end
end

# One struct that `f(model, arguments…, out, error)` fills, as `use` sees it.
function reading(use, f, ::Type{T}, model::Handle, file, arguments...) where {T}
    out, error = Ref{T}(), Ref{UInt64}(0)
    GC.@preserve model out error begin
        check(f(model.number, arguments..., address(out), address(error)), error, file)
        return use(out[])
    end
end

# Options: limits and evidence, by name, a policy, and a description of types.
function new_options((limits, evidence, policy, types))
    tables()
    options = new_handle((made, error) -> airlock_options_new(made, error), "")
    error = Ref{UInt64}(0)
    GC.@preserve options error begin
        for (name, granted) in limits
            is_number = granted isa Integer && 0 <= granted <= typemax(UInt64)
            status = with_text(String(name)) do ptr, len
                airlock_options_limit(options.number, ptr, len, is_number ? UInt64(granted) : UInt64(0), address(error))
            end
            try
                check(status, error, "")
            catch e
                # Whatever is no other option was taken for a limit.
                e isa UsageError && e.code === Symbol("unknown-limit") && throw(no_option(name, e))
                is_number && rethrow()
            end
            is_number || throw(ArgumentError("the limit `$name` is a number of 0 and more, not $(repr(granted))"))
        end
        for (kind, value) in evidence
            status = with_text(String(kind)) do kind_ptr, kind_len
                with_text(String(value)) do ptr, len
                    airlock_options_evidence(options.number, kind_ptr, kind_len, ptr, len, address(error))
                end
            end
            check(status, error, "")
        end
        check(with_text((ptr, len) -> airlock_options_policy(options.number, ptr, len, address(error)), policy), error, policy)
        if !isempty(types)
            check(with_text((ptr, len) -> airlock_options_types(options.number, ptr, len, address(error)), types), error, types)
        end
    end
    return options
end

function no_option(name, e::UsageError)
    others = join(sort!(String.([collect(keys(EVIDENCE)); collect(FLAGS); :policy; :types])), ", ")
    limits = replace(last(split(e.message, "there are "; limit = 2)), "-" => "_")
    return UsageError(Symbol("unknown-option"), "there is no option `$name`. There are $others; and the limits $limits")
end

# One engine for all models of the session. It is never released.
const ENGINE = Threads.Atomic{UInt64}(0)

function engine()
    ENGINE[] == 0 || return ENGINE[]
    tables()
    return lock(OPENING) do
        if ENGINE[] == 0
            made, error = Ref{UInt64}(0), Ref{UInt64}(0)
            GC.@preserve made error check(airlock_engine_new(address(made), address(error)), error, "")
            ENGINE[] = made[]
        end
        ENGINE[]
    end
end

open_path(path::String, options::Handle) = with_path(airlock_open_path, new_handle, path, options)
inspect_path(path::String, options::Handle) = with_path(airlock_inspect_path, new_text, path, options)
open_bytes(name::String, bytes::Vector{UInt8}, options::Handle) = with_bytes(airlock_open_bytes, new_handle, name, bytes, options)
inspect_bytes(name::String, bytes::Vector{UInt8}, options::Handle) = with_bytes(airlock_inspect_bytes, new_text, name, bytes, options)

# What a call makes of the file at a path, as `new` takes it out.
function with_path(call::C, new::N, path::String, options::Handle) where {C,N}
    running = engine()
    return GC.@preserve options new(path) do made, error
        with_text((ptr, len) -> call(running, options.number, ptr, len, made, error), path)
    end
end

# The same of bytes that have a name.
function with_bytes(call::C, new::N, name::String, bytes::Vector{UInt8}, options::Handle) where {C,N}
    running = engine()
    return GC.@preserve bytes options new(name) do made, error
        with_text(name) do ptr, len
            call(running, options.number, ptr, len, pointer(bytes), Csize_t(length(bytes)), made, error)
        end
    end
end

node_text(model::Handle, node::UInt32, which::UInt32, file) = GC.@preserve model new_text(file) do made, error
    airlock_node_text_new(model.number, node, which, made, error)
end

model_text(model::Handle, which::UInt32, file) = GC.@preserve model new_text(file) do made, error
    airlock_model_text_new(model.number, which, made, error)
end

model_only(model::Handle, variable::String, file) = GC.@preserve model new_handle(file) do made, error
    with_text((ptr, len) -> airlock_model_only(model.number, ptr, len, made, error), variable)
end

# The id of the node at this path, or `nothing`.
function node_find(model::Handle, path::String)
    found, error = Ref{UInt32}(NONE), Ref{UInt64}(0)
    GC.@preserve model found error begin
        status = with_text((ptr, len) -> airlock_node_find(model.number, ptr, len, address(found), address(error)), path)
        status == 0 && return found[]
        try
            fail(status, error[], "")
        catch e
            e isa UsageError && e.code === Symbol("no-such-path") && return nothing
            rethrow()
        end
    end
end

# Copies an array's bytes to memory of Julia's, which has just so many.
function array_copy!(out::DenseArray, model::Handle, array::UInt32, file)
    error = Ref{UInt64}(0)
    GC.@preserve out model error begin
        len = Csize_t(length(out) * sizeof(eltype(out)))
        check(airlock_array_copy(model.number, array, Ptr{Cvoid}(pointer(out)), len, address(error)), error, file)
    end
    return out
end

function model_write(model::Handle, format::String, path::String, flags::UInt32)
    error = Ref{UInt64}(0)
    GC.@preserve model error begin
        status = with_text(format) do format_ptr, format_len
            with_text(path) do ptr, len
                airlock_model_write(model.number, format_ptr, format_len, ptr, len, flags, address(error))
            end
        end
        check(status, error, path)
    end
    return nothing
end
