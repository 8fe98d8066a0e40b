//! The first pass: every byte of structure is read once, and becomes a tape.
//!
//! The pass accepts exactly what BSON.jl writes: nine element types, exact lengths, keys that do not repeat, tagged
//! documents with their keys and no others. BSON.jl reads more than that; a file that makes use of it would be read
//! differently by different readers, and is refused. Payloads are jumped over. Nothing recurses.

use alloc::vec::Vec;

use flux_airlock_wire::{Code, Expected, Format, Limit, Limits};

use crate::{
    Stop, ix, len32,
    names::{self, NameId, Short},
    place::Place,
    seen::{self, Seen},
    tape::{Form, Record, RecordId, SHORTEST_RUN, Tag, Tape},
    window::Window,
};

/// Reads the whole file.
pub(crate) fn scan(window: Window<'_>, file_len: u32, limits: &Limits) -> (Tape, Result<(), Stop>) {
    scan_with(window, file_len, limits, Some(Seen::new()))
}

/// The same, with descriptions that are known, or with all of them read.
fn scan_with(window: Window<'_>, file_len: u32, limits: &Limits, seen: Option<Seen>) -> (Tape, Result<(), Stop>) {
    let mut scan = Scan {
        window,
        seen,
        tape: Tape::new(limits.names_bytes, file_len),
        frames: Vec::new(),
        limits,
        most_elements: limits.elements.min(MOST_ELEMENTS),
        file_len,
        in_runs: 0,
        claimed: 0,
        evidence: Evidence::None,
    };
    let result = scan.run().map_err(|stop| scan.judge(stop));
    (scan.tape, result)
}

/// A document or array whose end has not been reached.
struct Frame {
    record: RecordId,
    /// Where its length stands, and where it ends by that.
    start: u32,
    end: u32,
    /// Where its values end: before its final zero, and in the file.
    last: u32,
    count: u32,
    /// The key that is due, if it is an array.
    place: Place,
    /// Which of the known names it has for keys.
    known_keys: u64,
    /// Must its keys be compared? Not where they are known names, each once.
    is_doubtful: bool,
    /// Its element `tag`.
    tag: Option<RecordId>,
    /// What its elements are kept for, if it is an array.
    array: Option<Kept>,
    /// How many levels of documents and arrays are in it.
    height: u32,
    /// `Scan::in_runs` where it began.
    in_runs: u32,
}

/// What the elements of an array are kept for, told from its key, which is enough: where a user has the same, no number is lost.
#[derive(Clone, Copy, PartialEq)]
enum Kept {
    /// Their places, by which they are asked for: each has a record.
    Places,
    /// The strings, which are parts of a path; and the places.
    Strings,
    /// The values: numbers that follow one another may have one record.
    Values,
}

impl Kept {
    /// In an array under this key, given whether it is itself an element of an array.
    const fn under(key: u32, in_array: bool) -> Self {
        match key {
            _ if in_array => Self::Values,
            names::NAME | names::PATH => Self::Strings,
            names::BACKREFS | names::PARAMS | names::SIZE => Self::Places,
            _ => Self::Values,
        }
    }
}

/// What was read at once.
enum InView {
    Element,
    End,
}

/// What speaks for the bytes being a BSON document.
#[derive(Clone, Copy, PartialEq)]
enum Evidence {
    None,
    /// An element began as one does.
    Element,
    /// The length at the start is the file's.
    Length,
}

struct Scan<'s, 'l> {
    window: Window<'s>,
    /// Descriptions of types that were read.
    seen: Option<Seen>,
    tape: Tape,
    frames: Vec<Frame>,
    limits: &'l Limits,
    most_elements: u32,
    file_len: u32,
    /// Elements that have no record of their own, being in a run.
    in_runs: u32,
    /// The length that the file's document claims.
    claimed: u32,
    evidence: Evidence,
}

impl Frame {
    fn new(record: RecordId, start: u32, end: u32, file_len: u32, array: Option<Kept>, in_runs: u32) -> Self {
        Self {
            record,
            start,
            end,
            last: end.saturating_sub(1).min(file_len),
            count: 0,
            place: Place::FIRST,
            known_keys: 0,
            is_doubtful: false,
            tag: None,
            array,
            height: 0,
            in_runs,
        }
    }

    const fn is_array(&self) -> bool {
        self.array.is_some()
    }

    const fn keeps_strings(&self) -> bool {
        matches!(self.array, Some(Kept::Strings))
    }

    /// Notes that the element `id` has this key.
    #[inline]
    fn note(&mut self, key: u32, id: RecordId) {
        // There are fewer than 2^24 elements.
        self.count = self.count.wrapping_add(1);
        if self.is_array() {
            self.place.step();
            return;
        }
        let bit = 1_u64.checked_shl(key).unwrap_or(0);
        self.is_doubtful |= key >= names::KNOWN_COUNT || self.known_keys & bit != 0;
        self.known_keys |= bit;
        if key == names::TAG {
            self.tag = Some(id);
        }
    }
}

/// A document has at least its length and its final zero.
const SMALLEST_DOCUMENT: u32 = 5;
/// A record counts the elements before it in 24 bits.
const MOST_ELEMENTS: u32 = (1 << 24) - 1;
/// Up to this many keys are compared one by one.
const FEW_KEYS: usize = 16;

impl Scan<'_, '_> {
    fn run(&mut self) -> Result<(), Stop> {
        if self.file_len == 0 {
            return Err(Stop::new(Code::Empty, 0, 0));
        }
        let Some(length) = self.window.take::<4>() else {
            return Err(Stop::new(Code::NotBson, 0, 0));
        };
        let claimed = i32::from_le_bytes(length);
        let end = u32::try_from(claimed).unwrap_or(0);
        self.claimed = end;
        if end == self.file_len && end >= SMALLEST_DOCUMENT {
            self.evidence = Evidence::Length;
        }
        self.tape.records.push(Record::new(0, 0, Form::Document(Tag::Plain)));
        self.open(0, 0, if end < SMALLEST_DOCUMENT { self.file_len } else { end }, None);
        loop {
            match self.in_view() {
                Some(InView::Element) => continue,
                Some(InView::End) => {
                    self.window.skip(1);
                    self.close()?;
                    continue;
                }
                None => {}
            }
            let Some(frame) = self.frames.last() else { break };
            let (record, end) = (frame.record, frame.end);
            let offset = self.window.offset();
            let Some([kind]) = self.window.take::<1>() else {
                return Err(self.truncated(1, offset, record));
            };
            if kind == 0 {
                if offset.saturating_add(1) != end {
                    return Err(self.misplaced_end(record));
                }
                self.close()?;
            } else {
                if offset.saturating_add(1) >= end {
                    return Err(self.misplaced_end(record));
                }
                self.element(kind, offset)?;
                if end_claim_is_impossible(claimed) {
                    return Err(Stop::new(Code::DocumentLength { claimed }, 0, 0));
                }
            }
        }
        if claimed != i32::try_from(self.window.offset()).unwrap_or(i32::MAX) {
            return Err(Stop::new(Code::DocumentLength { claimed }, 0, 0));
        }
        if self.evidence == Evidence::None {
            // A document that ends where it says, and more behind it.
            self.evidence = Evidence::Element;
        }
        match self.window.left() {
            0 => Ok(()),
            extra => Err(Stop::new(Code::TrailingBytes { extra }, self.window.offset(), 0)),
        }
    }

    /// What the content is, and, where nothing speaks for BSON, that it is none.
    fn judge(&self, mut stop: Stop) -> Stop {
        let is_foreign =
            matches!(stop.code, Code::ElementType { .. } | Code::BinarySubtype { .. } | Code::TrailingBytes { .. });
        stop.format = match self.evidence {
            Evidence::None => Format::Unknown,
            _ if is_foreign => Format::Bson,
            _ => Format::BsonJl,
        };
        if self.evidence == Evidence::None && stop.code != Code::Empty {
            (stop.code, stop.offset, stop.record) = (Code::NotBson, 0, 0);
        }
        stop
    }

    fn open(&mut self, record: RecordId, start: u32, end: u32, array: Option<Kept>) {
        self.frames.push(Frame::new(record, start, end, self.file_len, array, self.in_runs));
    }

    /// How many elements were read.
    fn elements(&self) -> u32 {
        self.tape.len().saturating_add(self.in_runs)
    }

    fn misplaced_end(&self, record: RecordId) -> Stop {
        let claimed = self.frames.last().map_or(0, |frame| frame.end.saturating_sub(frame.start));
        let claimed = i32::try_from(claimed).unwrap_or(i32::MAX);
        Stop::new(Code::DocumentLength { claimed }, self.tape.get(record).offset, record)
    }

    fn truncated(&self, wanted: u32, offset: u32, record: RecordId) -> Stop {
        let missing = u64::from(wanted).saturating_sub(self.room().into());
        Stop::new(Code::Truncated { wanted: missing.max(1) }, offset, record)
    }

    /// Bytes that the innermost document still has for values, its final zero excluded.
    fn room(&self) -> u32 {
        let last = self.frames.last().map_or(0, |frame| frame.last);
        last.saturating_sub(self.window.offset())
    }

    /// Reads one element, or sees the end of its document, where nothing is wrong and all of it is in view. `None` where
    /// that cannot be said: then nothing was read, and the long way is to be taken, which knows what is wrong.
    fn in_view(&mut self) -> Option<InView> {
        let id = self.tape.len();
        // What the first elements say of the file is weighed on the long way.
        let is_judged = self.evidence == Evidence::Length || self.evidence == Evidence::Element && id > 2;
        let elements = self.elements();
        if !is_judged || elements > self.most_elements {
            return None;
        }
        self.window.look();
        if self.tape.records.len() == self.tape.records.capacity() {
            self.tape.make_room(self.window.offset(), self.file_len, self.most_elements.saturating_add(1));
        }
        let depth = len32(self.frames.len());
        let frame = self.frames.last_mut()?;
        let offset = self.window.offset();
        let head = self.window.head()?;
        let &[kind, ..] = head;
        if kind == 0 {
            // What the file has not may look like a zero.
            let is_end = offset < self.file_len && u64::from(offset).wrapping_add(1) == frame.end.into();
            return is_end.then_some(InView::End);
        }
        if matches!(frame.array, Some(Kept::Places | Kept::Values))
            && frame.count >= FEWEST_BEFORE
            && let Some(number) = Number::new(kind)
            // One of these is likely if it is not the first.
            && self.tape.records.last().is_some_and(|before| before.form == number.form || before.form == number.run)
        {
            return self.numbers_in_view(number).then_some(InView::Element);
        }
        let words = head.get(1..)?.first_chunk()?;
        let (key, key_len) = if frame.is_array() {
            (frame.count, frame.place.matches(words)?)
        } else {
            let short = Short::until_zero(words)?;
            if short.len() > self.limits.name_bytes {
                return None;
            }
            (self.tape.names.short(short, offset.wrapping_add(1))?, short.len())
        };
        // The type, the key and its zero. Such a small number, and an offset that lies before the end of the file, and a
        // length, cannot be too much for 64 bits; nor for 32 once the sum is known to lie in the file.
        let before = key_len.wrapping_add(2);
        let value: &[u8; VALUE] = head.get(ix(before)..)?.first_chunk()?;
        let (low, high) = halves(*value.first_chunk()?);
        let ([first, ..], [fifth, ..]) = (low.to_le_bytes(), high.to_le_bytes());
        let at = offset.wrapping_add(before);
        let room = u64::from(frame.last).checked_sub(at.into())?;
        let (form, a, b, len) = match kind {
            0x01 => (Form::Double, low, high, 8),
            0x02 => {
                let (from, len) = (before.wrapping_add(4), low.checked_sub(1)?);
                let all = u64::from(low).wrapping_add(4);
                if all > room || self.window.byte(from, len) != Some(0) {
                    return None;
                }
                let text_at = at.wrapping_add(4);
                let keep =
                    if frame.is_array() { frame.keeps_strings() } else { matches!(key, names::TAG | names::NAME) };
                if !keep {
                    (Form::String, text_at, len, all)
                } else if len > self.limits.name_bytes {
                    return None;
                } else if let Some(short) = Short::first(value.get(4..)?.first_chunk()?, len) {
                    (Form::Name, self.tape.names.short(short, text_at)?, text_at, all)
                } else {
                    let text = self.window.bytes(from, len)?;
                    (Form::Name, self.tape.names.intern(text, text_at)?, text_at, all)
                }
            }
            0x03 | 0x04 => {
                if low < SMALLEST_DOCUMENT || u64::from(low) > room || depth >= self.limits.depth {
                    return None;
                }
                let array = (kind == 0x04).then(|| Kept::under(key, frame.is_array()));
                if array.is_none()
                    && let Some(seen) = &self.seen
                    && matches!(low, seen::SHORTEST..=seen::LONGEST)
                    && let Some(document) = self.window.peek(ix(before.wrapping_add(low))).get(ix(before)..)
                    && let Some(document) = document.get(..ix(low))
                    && let Some(same) = seen.find(document)
                    && elements.saturating_add(same.elements(&self.tape)) <= self.most_elements
                    && depth.saturating_add(same.height) < self.limits.depth
                {
                    frame.note(key, id);
                    frame.height = frame.height.max(same.height.saturating_add(1));
                    let free = self.tape.records.capacity().saturating_sub(self.tape.records.len());
                    if free <= ix(same.elements(&self.tape)) {
                        self.tape.make_room(at, self.file_len, self.most_elements.saturating_add(1));
                    }
                    same.repeat(&mut self.tape, offset, key, at);
                    self.window.skip(before.wrapping_add(low));
                    return Some(InView::Element);
                }
                frame.note(key, id);
                let form = if array.is_some() { Form::Array } else { Form::Document(Tag::Plain) };
                self.tape.records.push(Record::new(offset, key, form));
                self.frames.push(Frame::new(id, at, at.wrapping_add(low), self.file_len, array, self.in_runs));
                self.window.skip(before.wrapping_add(4));
                return Some(InView::Element);
            }
            0x05 if fifth == 0 => (Form::Binary, at.wrapping_add(5), low, u64::from(low).wrapping_add(5)),
            0x08 if first <= 1 => (Form::Boolean, first.into(), 0, 1),
            0x0a => (Form::Null, 0, 0, 0),
            0x10 => (Form::Int32, low, 0, 4),
            0x12 => (Form::Int64, low, high, 8),
            _ => return None,
        };
        if len > room {
            return None;
        }
        frame.note(key, id);
        self.tape.records.push(Record::new(offset, key, form).with(a, b));
        self.window.skip(before.wrapping_add(u32::try_from(len).ok()?));
        Some(InView::Element)
    }

    /// Reads the numbers of one type that come next in an array, as far as they are in view and their keys are equally long:
    /// long lists of numbers are what files have most elements in. A run of many becomes one record, unless places have a
    /// meaning. Says whether there was any.
    fn numbers_in_view(&mut self, number: Number) -> bool {
        let Number { kind, form, run, width } = number;
        let taken = self.elements();
        let Some(frame) = self.frames.last_mut() else { return false };
        let (first, key_len) = (frame.count, frame.place.len());
        let step = key_len.wrapping_add(2).wrapping_add(width);
        let (view, start) = (self.window.view(), self.window.offset());
        let room = frame.last.saturating_sub(start).checked_div(step).unwrap_or(0);
        let of_length = 10_u32.saturating_pow(key_len).saturating_sub(first);
        let most = room.min(of_length).min(self.most_elements.saturating_add(1).saturating_sub(taken));
        let mut place = frame.place;
        let passed = place.pass(kind, first, step, most, view);
        let may_run = frame.array == Some(Kept::Values);
        let records = &mut self.tape.records;
        // Where the keys become longer, the step is another one, and where an array has ended, a byte lies between.
        let before = records.last_mut().filter(|before| {
            let end = before.b.wrapping_mul(before.a).wrapping_add(before.offset);
            may_run && before.form == run && before.b == step && end == start
        });
        let count = if let Some(before) = before {
            before.a = before.a.wrapping_add(passed);
            self.in_runs = self.in_runs.wrapping_add(passed);
            passed
        } else if may_run && ix(passed) >= SHORTEST_RUN {
            records.push(Record::new(start, first, run).with(passed, step));
            self.in_runs = self.in_runs.wrapping_add(passed.wrapping_sub(1));
            passed
        } else {
            // The tape grows before an element is looked at, and not here.
            let count = passed.min(len32(records.capacity().saturating_sub(records.len())));
            let values = view.chunks(ix(step).max(1)).zip(0..count);
            records.extend(values.map(|(element, i)| {
                let value = element.get(ix(key_len).wrapping_add(2)..).unwrap_or(&[]);
                let mut word = [0; 8];
                word.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
                let (low, high) = halves(word);
                Record::new(start.wrapping_add(i.wrapping_mul(step)), first.wrapping_add(i), form).with(low, high)
            }));
            count
        };
        frame.count = first.wrapping_add(count);
        frame.place = if count == passed { place } else { Place::new(frame.count) };
        self.window.skip(count.wrapping_mul(step));
        count > 0
    }

    /// Reads one element, whose type byte was taken at `offset`.
    fn element(&mut self, kind: u8, offset: u32) -> Result<(), Stop> {
        let Some(form) = form(kind) else {
            let parent = self.frames.last().map_or(0, |frame| frame.record);
            if self.evidence == Evidence::None && is_foreign(kind, self.window.peek(FIRST_LOOK)) {
                self.evidence = Evidence::Element;
            }
            return Err(Stop::new(Code::ElementType { found: kind }, offset, parent));
        };
        if self.elements() > self.most_elements {
            return Err(self.limit(Limit::Elements, offset));
        }
        let key = self.key(offset)?;
        let id = self.tape.len();
        self.tape.records.push(Record::new(offset, key, form));
        if self.evidence == Evidence::None {
            self.evidence = Evidence::Element;
        }
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        frame.note(key, id);
        let (is_array, keeps_strings) = (frame.is_array(), frame.keeps_strings());
        let (a, b) = match form {
            Form::Null => (0, 0),
            Form::Boolean => {
                let [value] = self.fixed::<1>(offset, id)?;
                if value > 1 {
                    return Err(Stop::new(Code::BooleanValue { value }, offset, id));
                }
                (value.into(), 0)
            }
            Form::Int32 => (u32::from_le_bytes(self.fixed::<4>(offset, id)?), 0),
            Form::Double | Form::Int64 => {
                let bits = u64::from_le_bytes(self.fixed::<8>(offset, id)?);
                (u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0), u32::try_from(bits >> 32).unwrap_or(0))
            }
            Form::Binary => {
                let len = self.length(0, offset, id)?;
                let [subtype] = self.fixed::<1>(offset, id)?;
                if subtype != 0 {
                    return Err(Stop::new(Code::BinarySubtype { subtype }, offset, id));
                }
                let at = self.window.offset();
                self.jump(len, offset, id)?;
                (at, len)
            }
            Form::String | Form::Name => {
                let keep = if is_array { keeps_strings } else { matches!(key, names::TAG | names::NAME) };
                return self.string(keep, offset, id);
            }
            Form::Array => return self.container(Some(Kept::under(key, is_array)), offset, id),
            // No element begins as a run.
            Form::Document(_) | Form::Doubles | Form::Int32s | Form::Int64s => {
                return self.container(None, offset, id);
            }
        };
        self.set(id, form, a, b);
        Ok(())
    }

    fn set(&mut self, id: RecordId, form: Form, a: u32, b: u32) {
        if let Some(record) = self.tape.records.get_mut(ix(id)) {
            (record.form, record.a, record.b) = (form, a, b);
        }
    }

    fn limit(&self, limit: Limit, offset: u32) -> Stop {
        let parent = self.frames.last().map_or(0, |frame| frame.record);
        Stop::new(Code::Limit { limit, granted: limit.of(self.limits) }, offset, parent)
    }

    /// Reads a key: a name's id in a document, the place in an array.
    fn key(&mut self, offset: u32) -> Result<u32, Stop> {
        let Some(frame) = self.frames.last() else { return Ok(0) };
        let (parent, due, is_array) = (frame.record, frame.count, frame.is_array());
        let room = ix(self.room());
        let longest = if is_array { MOST_DIGITS } else { ix(self.limits.name_bytes) };
        let mut wanted = FIRST_LOOK;
        loop {
            let bytes = self.window.peek(wanted);
            let seen = bytes.len();
            let looked = bytes.get(..seen.min(longest.saturating_add(1)).min(room)).unwrap_or(bytes);
            if let Some(len) = looked.iter().position(|&byte| byte == 0) {
                let key = looked.get(..len).unwrap_or(&[]);
                let id = if is_array {
                    if !is_decimal(key, due) {
                        return Err(Stop::new(Code::ArrayKey { due }, offset, parent));
                    }
                    due
                } else {
                    if self.evidence == Evidence::None && key.iter().any(|&byte| byte < b' ') {
                        return Err(Stop::new(Code::NotBson, offset, parent));
                    }
                    let at = offset.saturating_add(1);
                    let Some(id) = self.tape.names.intern(key, at) else {
                        return Err(self.limit(Limit::NamesBytes, offset));
                    };
                    if !self.tape.names.is_utf8(id) {
                        return Err(Stop::new(Code::InvalidUtf8, offset, parent));
                    }
                    id
                };
                self.window.skip(len32(len).saturating_add(1));
                return Ok(id);
            }
            if looked.len() > longest {
                return Err(if is_array {
                    Stop::new(Code::ArrayKey { due }, offset, parent)
                } else {
                    self.limit(Limit::NameBytes, offset)
                });
            }
            if seen >= room || seen < wanted {
                return Err(self.truncated(len32(seen).saturating_add(1), offset, parent));
            }
            wanted = longest.saturating_add(1).max(seen.saturating_add(1));
        }
    }

    fn fixed<const N: usize>(&mut self, offset: u32, id: RecordId) -> Result<[u8; N], Stop> {
        let wanted = len32(N);
        if self.room() < wanted {
            return Err(self.truncated(wanted, offset, id));
        }
        match self.window.take::<N>() {
            Some(bytes) => Ok(bytes),
            None => Err(self.truncated(wanted, offset, id)),
        }
    }

    /// Reads a length that is at least `least`.
    fn length(&mut self, least: i32, offset: u32, id: RecordId) -> Result<u32, Stop> {
        let start = self.window.offset();
        let found = i32::from_le_bytes(self.fixed::<4>(offset, id)?);
        self.doubt(start, found);
        match u32::try_from(found) {
            Ok(len) if found >= least => Ok(len),
            _ => Err(Stop::new(Code::NegativeLength { found }, offset, id)),
        }
    }

    /// An element that goes beyond what the file's document claims for itself does not speak for BSON, if it is the first.
    fn doubt(&mut self, start: u32, len: i32) {
        let is_first = self.tape.len() == 2 && self.evidence == Evidence::Element;
        let end = u32::try_from(len).ok().and_then(|len| start.checked_add(len));
        if is_first && end.is_none_or(|end| end > self.claimed) {
            self.evidence = Evidence::None;
        }
    }

    fn jump(&mut self, len: u32, offset: u32, id: RecordId) -> Result<(), Stop> {
        if len > self.room() {
            return Err(self.truncated(len, offset, id));
        }
        self.window.skip(len);
        Ok(())
    }

    fn string(&mut self, keep: bool, offset: u32, id: RecordId) -> Result<(), Stop> {
        let with_zero = self.length(1, offset, id)?;
        if with_zero > self.room() {
            return Err(self.truncated(with_zero, offset, id));
        }
        let len = with_zero.saturating_sub(1);
        let at = self.window.offset();
        let mut done = (Form::String, at, len);
        if keep && len <= self.limits.name_bytes {
            let text = self.window.peek(ix(len)).get(..ix(len)).unwrap_or(&[]);
            match self.tape.names.intern(text, at) {
                Some(name) => done = (Form::Name, name, at),
                None => return Err(self.limit(Limit::NamesBytes, offset)),
            }
        }
        self.window.skip(len);
        let [found] = self.fixed::<1>(offset, id)?;
        if found != 0 {
            return Err(Stop::new(Code::StringTerminator { found }, offset, id));
        }
        let (form, a, b) = done;
        self.set(id, form, a, b);
        Ok(())
    }

    fn container(&mut self, array: Option<Kept>, offset: u32, id: RecordId) -> Result<(), Stop> {
        if len32(self.frames.len()) >= self.limits.depth {
            return Err(self.limit(Limit::Depth, offset));
        }
        let start = self.window.offset();
        let room = self.room();
        let claimed = i32::from_le_bytes(self.fixed::<4>(offset, id)?);
        self.doubt(start, claimed);
        match u32::try_from(claimed) {
            Ok(len) if len >= SMALLEST_DOCUMENT && len <= room => {
                self.open(id, start, start.saturating_add(len), array);
                Ok(())
            }
            Ok(len) if len > self.file_len.saturating_sub(start) => {
                Err(Stop::new(Code::Truncated { wanted: u64::from(len).saturating_sub(room.into()) }, offset, id))
            }
            _ => Err(Stop::new(Code::DocumentLength { claimed }, offset, id)),
        }
    }

    /// Ends the innermost document or array, whose final zero was just read.
    fn close(&mut self) -> Result<(), Stop> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        if let Some(parent) = self.frames.last_mut() {
            parent.height = parent.height.max(frame.height.saturating_add(1));
        }
        let id = frame.record;
        let next = self.tape.len();
        if frame.is_array() {
            self.set(id, Form::Array, next, frame.count);
            return Ok(());
        }
        if frame.is_doubtful {
            self.refuse_repeated_keys(id)?;
        }
        self.set(id, Form::Document(Tag::Plain), next, frame.count);
        if let Some(tag) = self.tag(frame.tag)? {
            if id == 0 && tag == Tag::Backref {
                // The file itself would be an entry of its own.
                return Err(Stop::new(Code::WrongType { expected: Expected::Document }, 0, 0));
            }
            let b = self.tagged(id, tag)?.unwrap_or(frame.count);
            self.set(id, Form::Document(tag), next, b);
            if tag == Tag::DataType
                && frame.in_runs == self.in_runs
                && let Some(seen) = &mut self.seen
                && let len @ seen::SHORTEST..=seen::LONGEST = frame.end.saturating_sub(frame.start)
                && let Some(document) = self.window.behind(frame.start, len)
            {
                seen.add(document, id, frame.start, frame.height);
            }
        }
        if id == 0 {
            self.entries()?;
        }
        Ok(())
    }

    /// The document `id` has just ended: its elements are the last on the tape.
    fn refuse_repeated_keys(&self, id: RecordId) -> Result<(), Stop> {
        let key = |id: RecordId| (self.tape.get(id).key(), id);
        let keys: Vec<(NameId, RecordId)> = self.tape.between(id.saturating_add(1), self.tape.len()).map(key).collect();
        let second = if keys.len() <= FEW_KEYS {
            keys.iter()
                .enumerate()
                .find_map(|(i, &(key, id))| keys.iter().take(i).any(|&(before, _)| before == key).then_some(id))
        } else {
            let mut sorted = keys;
            sorted.sort_unstable();
            sorted.array_windows().filter(|[(before, _), (key, _)]| before == key).map(|&[_, (_, id)]| id).min()
        };
        match second {
            Some(id) => Err(Stop::new(Code::RepeatedKey, self.tape.get(id).offset, id)),
            None => Ok(()),
        }
    }

    /// The meaning of a document's element `tag`. A user's own dictionary may have one without a meaning.
    fn tag(&self, element: Option<RecordId>) -> Result<Option<Tag>, Stop> {
        let Some(id) = element else { return Ok(None) };
        let record = self.tape.get(id);
        match record.form {
            Form::Name => Ok(Tag::from_name(record.a)),
            Form::Document(Tag::Backref) => Err(Stop::new(Code::TagBackref, record.offset, id)),
            // BSON.jl makes a symbol of the bytes, and takes it for the tag.
            Form::Binary => Err(Stop::new(Code::WrongType { expected: Expected::String }, record.offset, id)),
            _ => Ok(None),
        }
    }

    /// Checks a tagged document: its keys, and what stands under them. A back reference gives the entry it names.
    fn tagged(&self, id: RecordId, tag: Tag) -> Result<Option<u32>, Stop> {
        let due = tag.keys();
        let mut found = 0_usize;
        let mut entry = None;
        // It has just ended: its elements are the last on the tape.
        let mut child = id.saturating_add(1);
        while let Some(record) = self.tape.records.get(ix(child)) {
            let (key, next) = (record.key(), record.next(child));
            if due.contains(&key) {
                found = found.saturating_add(1);
                let index = self.value_under(tag, key, child, record)?;
                entry = entry.or(index);
            } else if key != names::TAG && !(id == 0 && key == names::BACKREFS) {
                return Err(Stop::new(Code::UnexpectedKey, record.offset, child));
            }
            child = next;
        }
        if found == due.len() { Ok(entry) } else { Err(Stop::new(Code::MissingKey, self.tape.get(id).offset, id)) }
    }

    fn value_under(&self, tag: Tag, key: NameId, id: RecordId, record: &Record) -> Result<Option<u32>, Stop> {
        let is_reference = record.tag() == Tag::Backref;
        let (fits, expected) = match (tag, key) {
            (Tag::Symbol, names::NAME) => return self.kept(id, Expected::String).map(|()| None),
            (Tag::DataType, names::NAME) | (Tag::Ref, names::PATH) if record.form == Form::Array => {
                for part in self.tape.children(id) {
                    self.kept(part, Expected::Strings)?;
                }
                (true, Expected::Strings)
            }
            (Tag::DataType, names::NAME) | (Tag::Ref, names::PATH) => (false, Expected::Strings),
            (Tag::Backref, names::REF) => {
                let Some(index) = record.integer() else {
                    return Err(Stop::new(Code::WrongType { expected: Expected::Integer }, record.offset, id));
                };
                // How many entries there are is known at the end of the file.
                let entry = index.checked_sub(1).and_then(|entry| u32::try_from(entry).ok());
                return Ok(Some(entry.unwrap_or(u32::MAX)));
            }
            (Tag::Array, names::SIZE) if record.form == Form::Array => {
                for part in self.tape.children(id) {
                    let part_record = self.tape.get(part);
                    if part_record.integer().is_none() {
                        let code = Code::WrongType { expected: Expected::Integer };
                        return Err(Stop::new(code, part_record.offset, part));
                    }
                }
                (true, Expected::Sizes)
            }
            (Tag::Array, names::SIZE) => (false, Expected::Sizes),
            (Tag::Array | Tag::Struct, names::TYPE) | (Tag::UnionAll, names::BODY | names::VAR) => {
                let is_type = matches!(
                    record.tag(),
                    Tag::DataType | Tag::UnionAll | Tag::Struct | Tag::Backref | Tag::BottomType | Tag::Closure
                );
                (is_type, Expected::Type)
            }
            (Tag::Closure, names::TYPENAME) => (matches!(record.tag(), Tag::Struct | Tag::Backref), Expected::Document),
            (Tag::DataType | Tag::Closure, names::PARAMS) => {
                let fits = matches!(record.form, Form::Array | Form::Binary | Form::Document(Tag::Array));
                (fits, Expected::ArrayOrBinary)
            }
            (Tag::Array | Tag::Struct, names::DATA) => {
                (is_reference || matches!(record.form, Form::Array | Form::Binary), Expected::ArrayOrBinary)
            }
            (Tag::Svec | Tag::Tuple, names::DATA) => (is_reference || record.form == Form::Array, Expected::Array),
            _ => return Ok(None),
        };
        if fits { Ok(None) } else { Err(Stop::new(Code::WrongType { expected }, record.offset, id)) }
    }

    /// Is this element a name: a string that was kept, in UTF-8?
    fn kept(&self, id: RecordId, expected: Expected) -> Result<(), Stop> {
        let record = self.tape.get(id);
        let limit = Limit::NameBytes;
        let code = match record.form {
            Form::Name if self.tape.names.is_utf8(record.a) => return Ok(()),
            Form::Name => Code::InvalidUtf8,
            Form::String => Code::Limit { limit, granted: limit.of(self.limits) },
            _ => Code::WrongType { expected },
        };
        Err(Stop::new(code, record.offset, id))
    }

    /// Notes the entries of `_backrefs`, which has a meaning in the file's document only.
    fn entries(&mut self) -> Result<(), Stop> {
        let Some(id) = self.tape.field(0, names::BACKREFS) else { return Ok(()) };
        let record = self.tape.get(id);
        if record.form != Form::Array {
            return Err(Stop::new(Code::WrongType { expected: Expected::Array }, record.offset, id));
        }
        let mut entries = Vec::with_capacity(ix(record.b));
        entries.extend(self.tape.children(id));
        self.tape.entries = entries;
        Ok(())
    }
}

/// Elements before the first of a run: the places of those before it are shorter.
const FEWEST_BEFORE: u32 = 10;
/// How many bytes of a value are looked at: a length, and a short name.
const VALUE: usize = 20;
/// How far a key is looked for at first.
const FIRST_LOOK: usize = 32;
/// Digits of the largest place in an array.
const MOST_DIGITS: usize = 10;

/// A length that no file can have, told from the first bytes alone.
const fn end_claim_is_impossible(claimed: i32) -> bool {
    claimed < 5
}

/// Does an element of a type that BSON has and BSON.jl does not write begin here, with a name that can be read?
fn is_foreign(kind: u8, rest: &[u8]) -> bool {
    let is_type = matches!(kind, 0x06 | 0x07 | 0x09 | 0x0b..=0x0f | 0x11 | 0x13 | 0x7f | 0xff);
    let name = rest.split(|&byte| byte == 0).next().unwrap_or_default();
    let is_name = !name.is_empty() && name.len() < rest.len() && name.iter().all(u8::is_ascii_graphic);
    is_type && is_name
}

/// The two numbers of four bytes each.
#[inline]
fn halves(bytes: [u8; 8]) -> (u32, u32) {
    let [low, high, ..] = bytes.as_chunks::<4>().0 else { return (0, 0) };
    (u32::from_le_bytes(*low), u32::from_le_bytes(*high))
}

/// A type of number of which a run can be.
#[derive(Clone, Copy)]
struct Number {
    kind: u8,
    /// What one is on the tape, and what many are.
    form: Form,
    run: Form,
    /// In bytes.
    width: u32,
}

impl Number {
    /// Not booleans: whether one is true or false is asked for, and that it is one of the two.
    const fn new(kind: u8) -> Option<Self> {
        Some(match kind {
            0x01 => Self { kind, form: Form::Double, run: Form::Doubles, width: 8 },
            0x10 => Self { kind, form: Form::Int32, run: Form::Int32s, width: 4 },
            0x12 => Self { kind, form: Form::Int64, run: Form::Int64s, width: 8 },
            _ => return None,
        })
    }
}

const fn form(kind: u8) -> Option<Form> {
    Some(match kind {
        0x01 => Form::Double,
        0x02 => Form::String,
        0x03 => Form::Document(Tag::Plain),
        0x04 => Form::Array,
        0x05 => Form::Binary,
        0x08 => Form::Boolean,
        0x0a => Form::Null,
        0x10 => Form::Int32,
        0x12 => Form::Int64,
        _ => return None,
    })
}

/// Are these the digits of `number`, without leading zeros?
fn is_decimal(digits: &[u8], number: u32) -> bool {
    let mut rest = number;
    for &digit in digits.iter().rev() {
        let Some(due) = b'0'.checked_add(u8::try_from(rest % 10).unwrap_or(u8::MAX)) else { return false };
        if digit != due {
            return false;
        }
        rest /= 10;
    }
    let len = number.checked_ilog10().unwrap_or(0).saturating_add(1);
    rest == 0 && len32(digits.len()) == len
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::{format, string::String};
    use std::{fs, path::Path};

    use super::*;
    use crate::place::tests::elements;

    /// All that a scan has found out.
    fn scanned(file: &[u8], limits: &Limits, seen: Option<Seen>) -> String {
        let (mut source, len) = (file, len32(file.len()));
        let window = Window::new(&mut source, len, limits.name_bytes);
        let (tape, result) = scan_with(window, len, limits, seen);
        match result {
            Ok(()) => format!("{:?} {:?} {:?}", tape.entries, tape.names, tape.records),
            // Behind its end there may be a name that no file has.
            Err(stop) => format!("{stop:?} {:?} {:?}", tape.path(stop.record), tape.records),
        }
    }

    fn assert_same(file: &[u8], limits: &Limits, what: &str) {
        let (with, without) = (scanned(file, limits, Some(Seen::new())), scanned(file, limits, None));
        assert!(with == without, "{what}\n{with}\n{without}");
    }

    fn files(folder: &Path, each: &mut dyn FnMut(&str, Vec<u8>)) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, each);
            } else if path.extension().is_some_and(|extension| extension == "bson") {
                each(path.to_str().unwrap(), fs::read(&path).unwrap());
            }
        }
    }

    #[test]
    fn descriptions_that_are_not_read_again_are_on_the_tape_as_if_they_were() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
        files(&corpus, &mut |path, file| {
            assert_same(&file, &Limits::DEFAULT, path);
            let depths = (1..24).map(|depth| Limits { depth, ..Limits::DEFAULT });
            let elements = (1..400).step_by(7).map(|elements| Limits { elements, ..Limits::DEFAULT });
            for limits in depths.chain(elements) {
                assert_same(&file, &limits, path);
            }
            // One byte changed, in the first or in the second of two descriptions, or in none.
            let small = file.len() < 20_000 && path.contains("accept");
            for at in (0..file.len()).step_by(if small { 61 } else { file.len().max(1) }) {
                let mut file = file.clone();
                file[at] ^= 1;
                assert_same(&file, &Limits::DEFAULT, &format!("{path}, byte {at}"));
            }
        });
    }

    #[test]
    fn a_description_that_is_known_is_not_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/accept/flux-0.16.9/lenet.bson");
        let file = fs::read(path).unwrap();
        let (mut source, len) = (&*file, len32(file.len()));
        let (tape, result) = scan(Window::new(&mut source, len, Limits::DEFAULT.name_bytes), len, &Limits::DEFAULT);
        result.unwrap();
        let is_type = |id: &RecordId| tape.get(*id).form == Form::Document(Tag::DataType) && tape.count(*id) > 2;
        let id = (0..tape.len()).find(is_type).unwrap();
        let at = tape.payload(id, false);
        let bytes = u32::from_le_bytes(*file[ix(at)..].first_chunk().unwrap());
        // Known, by mistake, as what the record before it is: that is what the tape then has.
        let mut seen = Seen::new();
        seen.add(&file[ix(at)..ix(at + bytes)], id - 1, 0, 0);
        let [mistaken, right] = [seen, Seen::new()].map(|seen| scanned(&file, &Limits::DEFAULT, Some(seen)));
        assert!(mistaken != right, "it was read");
    }

    #[test]
    fn a_description_with_a_run_in_it_is_read_each_time() {
        let document = |content: &[u8]| [&(len32(content.len()) + 5).to_le_bytes()[..], content, &[0]].concat();
        let text = |key: &str, text: &str| {
            let len = (len32(text.len()) + 1).to_le_bytes();
            [&[2][..], key.as_bytes(), &[0], &len, text.as_bytes(), &[0]].concat()
        };
        let list = elements(0x12, 8, 0, 10).into_iter().chain(elements(0x12, 8, 10, 90)).collect::<Vec<_>>();
        let params = [b"\x04params\0".to_vec(), document(&[b"\x040\0".to_vec(), document(&list)].concat())].concat();
        let name = [b"\x04name\0".to_vec(), document(&[text("0", "Main"), text("1", "T")].concat())].concat();
        let ty = document(&[text("tag", "datatype"), params, name].concat());
        let all = ["a", "b", "c"].map(|key| [&[3][..], key.as_bytes(), &[0], &ty].concat()).concat();
        let file = document(&all);
        // Which elements are in a run depends on how many are in view, which is more where a description is looked for.
        let verdict = |elements, seen| {
            let (mut source, len) = (&*file, len32(file.len()));
            let limits = Limits { elements, ..Limits::DEFAULT };
            let (tape, result) = scan_with(Window::new(&mut source, len, limits.name_bytes), len, &limits, seen);
            let in_runs: u32 = tape.records.iter().filter(|record| record.is_run()).map(|run| run.a).sum();
            (result.map_err(|stop| (stop.code, stop.offset, tape.path(stop.record))), in_runs)
        };
        assert_eq!(verdict(10_000, Some(Seen::new())), (Ok(()), 3 * 90));
        for elements in 0..400 {
            assert_eq!(verdict(elements, Some(Seen::new())).0, verdict(elements, None).0, "{elements} elements");
        }
    }

    #[test]
    fn places_are_written_without_leading_zeros() {
        assert!(
            is_decimal(b"0", 0) && is_decimal(b"9", 9) && is_decimal(b"10", 10) && is_decimal(b"4294967295", u32::MAX)
        );
        assert!(!is_decimal(b"", 0) && !is_decimal(b"00", 0) && !is_decimal(b"01", 1) && !is_decimal(b"1", 11));
    }
}
