# Builds libflux_airlock with cargo, where the package is in a checkout of flux-airlock. Elsewhere the library comes as an artifact.

let root = normpath(joinpath(@__DIR__, "..", "..", ".."))
    if !isfile(joinpath(root, "crates", "capi", "Cargo.toml"))
        @info "FluxAirlock is in no checkout of flux-airlock: nothing is built"
    elseif Sys.which("cargo") === nothing
        error("libflux_airlock is built with cargo, which was not found: install Rust, or set ENV[\"FLUX_AIRLOCK_LIBRARY\"] to a library")
    else
        run(Cmd(`cargo build --release --locked -p flux-airlock-capi`; dir = root))
    end
end
