//! Settings of the chamber without some of what bounds the guest, for the build script and the measurement alike.

use wasmtime::Config;

/// Without fuel.
pub(crate) fn unfueled(mut config: Config) -> Config {
    config.consume_fuel(false);
    config
}

/// Without fuel, and with bounds that the processor checks: all that the guest can address is reserved.
pub(crate) fn unchecked(config: Config) -> Config {
    let mut config = unfueled(config);
    config.signals_based_traps(true);
    config.memory_reservation(1 << 32);
    config.memory_may_move(false);
    config.memory_guard_size(1 << 31);
    config
}
