//! What time it is, for whatever expires.
//!
//! The library never asks the system by itself: whoever opens models says which clock counts, and a test sets it.

use std::time::SystemTime;

/// The clock that expiry and age are judged by.
///
/// ```
/// use flux_airlock_trust::Clock;
/// use std::time::{Duration, SystemTime};
///
/// let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// assert_eq!(Clock::fixed(at).now(), at);
/// assert!(Clock::system().now() > SystemTime::UNIX_EPOCH);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Clock(Option<SystemTime>);

impl Clock {
    /// The system's.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// One that stands still: for tests, and for judging what could have been opened on another day.
    #[must_use]
    pub const fn fixed(at: SystemTime) -> Self {
        Self(Some(at))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.0.unwrap_or_else(SystemTime::now)
    }
}
