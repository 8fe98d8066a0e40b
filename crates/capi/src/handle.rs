//! Handles: numbers that stand for objects.
//!
//! A number holds a place and how often that place was used before, so that one that was released never means anything
//! again. What it stands for is kept alive while a call works with it, whoever releases it meanwhile.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use flux_airlock::Airlock;

use crate::error::Failure;
use crate::model::Opened;
use crate::options::Options;

/// What a handle can stand for.
pub(crate) enum Object {
    Engine(Airlock),
    Error(Failure),
    Model(Box<Opened>),
    Options(Box<Mutex<Options>>),
    Text(String),
}

macro_rules! views {
    ($($method:ident $variant:ident $type:ty),+ $(,)?) => {
        $(pub(crate) fn $method(&self) -> Result<&$type, Failure> {
            match self {
                Self::$variant(object) => Ok(object),
                other => Err(wrong(stringify!($method), other.name())),
            }
        })+

        const fn name(&self) -> &'static str {
            match self { $(Self::$variant(_) => stringify!($method)),+ }
        }
    };
}

impl Object {
    views! {
        engine Engine Airlock,
        error Error Failure,
        model Model Opened,
        options Options Mutex<Options>,
        string Text String,
    }
}

fn wrong(wanted: &str, found: &str) -> Failure {
    Failure::usage("wrong-handle", format!("a handle of kind {wanted} is wanted here, and this one is of kind {found}"))
}

static TABLE: RwLock<Table> = RwLock::new(Table { slots: Vec::new(), free: Vec::new() });

struct Table {
    slots: Vec<Slot>,
    /// Places that can be used again.
    free: Vec<u32>,
}

struct Slot {
    /// How often this place was used, this time included: never 0.
    generation: u32,
    object: Option<Arc<Object>>,
}

/// Gives an object a number.
pub(crate) fn insert(object: Object) -> Result<u64, Failure> {
    let object = Some(Arc::new(object));
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = table.free.pop()
        && let Some(slot) = table.slots.get_mut(index(place))
    {
        slot.object = object;
        return Ok(number(place, slot.generation));
    }
    let place = u32::try_from(table.slots.len()).map_err(|_| Failure::engine("engine-memory", "too many handles"))?;
    table.slots.push(Slot { generation: 1, object });
    Ok(number(place, 1))
}

/// What this number stands for.
pub(crate) fn get(handle: u64) -> Result<Arc<Object>, Failure> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    let (place, generation) = parts(handle);
    let slot = table.slots.get(index(place)).filter(|slot| slot.generation == generation);
    slot.and_then(|slot| slot.object.clone()).ok_or_else(|| {
        let message = match handle {
            0 => "a handle is wanted here, and 0 is none",
            _ => "this is no handle: it was released, or never existed",
        };
        Failure::usage("bad-handle", message)
    })
}

/// Takes the number's meaning away. `false` if it had none.
pub(crate) fn release(handle: u64) -> bool {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let (place, generation) = parts(handle);
    let slot = table.slots.get_mut(index(place)).filter(|slot| slot.generation == generation);
    let Some((slot, object)) = slot.and_then(|slot| slot.object.take().map(|object| (slot, object))) else {
        return false;
    };
    // A place whose numbers are used up is never used again.
    if let Some(next) = slot.generation.checked_add(1) {
        slot.generation = next;
        table.free.push(place);
    }
    drop(table);
    // A model's memory takes time to give back, and nobody has to wait for it.
    drop(object);
    true
}

fn number(place: u32, generation: u32) -> u64 {
    (u64::from(generation) << 32) | u64::from(place)
}

fn parts(handle: u64) -> (u32, u32) {
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
    (half(handle), half(handle >> 32))
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> u64 {
        insert(Object::Text(text.to_owned())).unwrap()
    }

    #[test]
    fn a_number_is_never_given_out_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let handle = text("a");
            assert!(handle != 0 && seen.insert(handle));
            assert!(release(handle) && !release(handle));
            assert_eq!(get(handle).err().unwrap().code, "bad-handle");
        }
        // Places are used again, so that memory stays as it is.
        assert!(TABLE.read().unwrap().slots.len() < 100);
    }

    #[test]
    fn a_place_that_is_used_up_is_given_up() {
        let handle = text("a");
        let (place, _) = parts(handle);
        TABLE.write().unwrap().slots[index(place)].generation = u32::MAX;
        let last = number(place, u32::MAX);
        assert!(get(last).is_ok() && release(last) && !release(last));
        assert!(get(last).is_err() && !TABLE.read().unwrap().free.contains(&place));
    }

    #[test]
    fn an_object_lives_while_it_is_used() {
        let handle = text("still there");
        let object = get(handle).unwrap();
        assert!(release(handle));
        assert_eq!(object.string().ok().map(String::as_str), Some("still there"));
        assert_eq!(object.model().err().unwrap().code, "wrong-handle");
    }
}
