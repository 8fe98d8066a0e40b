# Where libflux_airlock is: four places, in a fixed order, and nothing else is tried.
#
# The library is opened at first use and never closed. Nothing of a model file has a say in where it comes from.

using Libdl
@static if VERSION >= v"1.6"
    using Artifacts
end

const LIBRARY_VARIABLE = "FLUX_AIRLOCK_LIBRARY"
const UUID = Base.UUID("9fa82e49-801b-4d46-b028-7325ba6baa3f")

# The name that cargo gives the library on this system.
library_name() = string(Sys.iswindows() ? "" : "lib", "flux_airlock.", Libdl.dlext)

# The places: what each is called, and either a path or why there is none.
function library_places()
    return [
        "ENV[\"$LIBRARY_VARIABLE\"]" => library_of_environment(),
        "the preference `library` of FluxAirlock in LocalPreferences.toml" => library_of_preferences(),
        "the artifact `flux_airlock` of the package" => library_of_artifact(),
        "target/ of the repository" => library_of_repository(),
    ]
end

struct Absent
    why::String
end

function library_of_environment()
    path = get(ENV, LIBRARY_VARIABLE, "")
    return isempty(path) ? Absent("not set") : path
end

@static if VERSION >= v"1.6"
    function library_of_preferences()
        path = get(Base.get_preferences(UUID), "library", nothing)
        path === nothing && return Absent("not set")
        path isa String || return Absent("no text")
        return path
    end

    function library_of_artifact()
        toml = find_artifacts_toml(@__DIR__)
        toml === nothing && return Absent("the package was not released with one")
        hash = artifact_hash("flux_airlock", toml)
        hash === nothing && return Absent("none for this system")
        artifact_exists(hash) || return Absent("not installed: `using Pkg; Pkg.instantiate()`")
        return joinpath(artifact_path(hash), Sys.iswindows() ? "bin" : "lib", library_name())
    end
else
    library_of_preferences() = Absent("from Julia 1.6 on")
    library_of_artifact() = Absent("from Julia 1.6 on")
end

function library_of_repository()
    root = normpath(joinpath(@__DIR__, "..", "..", ".."))
    isfile(joinpath(root, "crates", "capi", "Cargo.toml")) || return Absent("the package is in no checkout")
    target = get(ENV, "CARGO_TARGET_DIR", joinpath(root, "target"))
    return joinpath(target, "release", library_name())
end

# Opens the first library that is there. What was asked for by name, in the environment or a preference, is used or nothing is.
function open_library()
    tried = Pair{String,String}[]
    demanded = false
    for (i, (place, path)) in enumerate(library_places())
        if demanded
            push!(tried, place => "not looked at, since another was asked for")
        elseif path isa Absent
            push!(tried, place => path.why)
        else
            handle = isfile(path) ? Libdl.dlopen(path; throw_error = false) : nothing
            handle === nothing || return path, handle
            push!(tried, place => string(quoted(path), isfile(path) ? " is no library that this Julia can open" : " is no file"))
            demanded = i <= 2
        end
    end
    throw(LibraryNotFound(tried))
end
