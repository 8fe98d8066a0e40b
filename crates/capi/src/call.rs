//! The way in and out of every call that can fail: nothing unwinds past it, and nothing is said but to the caller.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::error::{Failure, Status};
use crate::handle::{self, Object};
use crate::memory::Out;

/// Makes a call. What it fails with is put at `error`.
pub(crate) fn call(error: Out<u64>, work: impl FnOnce() -> Result<(), Failure>) -> Status {
    error.put(0);
    let failure = match guarded(work) {
        Ok(()) => return Status::Ok,
        Err(failure) => failure,
    };
    let status = failure.status;
    // Without an object the status is still what it is.
    let _ = guarded(|| {
        if error.check().is_ok() {
            error.put(handle::insert(Object::Error(failure))?);
        }
        Ok(())
    });
    status
}

/// Makes a call that gives a handle, which is put at `to`.
pub(crate) fn make(to: Out<u64>, error: Out<u64>, work: impl FnOnce() -> Result<Object, Failure>) -> Status {
    to.put(0);
    call(error, || {
        let to = to.check()?;
        to.put(handle::insert(work()?)?);
        Ok(())
    })
}

fn guarded(work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    keep_quiet();
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Failure::panic(&said(&*panic))))
}

thread_local! {
    /// Where the last panic of this thread was.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The standard library would write to standard error, which is the program's. This copy of it is the library's own.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    if cfg!(not(test)) {
        ONCE.call_once(|| panic::set_hook(Box::new(note)));
    }
}

fn note(info: &panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    // A thread that is ending has nobody to tell.
    let _ = PLACE.try_with(|last| last.replace(place));
}

/// What a panic says, and where it was.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let place = PLACE.try_with(RefCell::take).ok().flatten();
    let place = place.map_or_else(String::new, |place| format!(" at {place}"));
    format!("a panic{place}: {}", text.unwrap_or("no text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Trust as _;

    #[test]
    fn a_panic_is_an_error() {
        let mut error = 7;
        // SAFETY: it is a place.
        let place = unsafe { (&raw mut error).trust() };
        assert_eq!(call(place, || panic!("so {}", "it is")), Status::Internal);
        let object = handle::get(error).unwrap();
        let failure = object.error().ok().unwrap();
        assert_eq!(failure.code, "internal-panic");
        assert!(failure.message.contains("so it is"), "{}", failure.message);
        assert!(handle::release(error));
        assert_eq!(call(place, || Ok(())), Status::Ok);
        assert_eq!(error, 0);
    }

    #[test]
    fn an_error_that_nobody_wants_is_not_kept() {
        // SAFETY: no place is one of the two that are allowed.
        let nowhere = unsafe { std::ptr::null_mut::<u64>().trust() };
        assert_eq!(call(nowhere, || Err(Failure::usage("code", "message"))), Status::Usage);
        assert_eq!(make(nowhere, nowhere, || panic!("never called")), Status::Usage);
    }
}
