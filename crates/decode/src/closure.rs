//! What an anonymous function does, concluded from the statements of its lowered code. Nothing is run.
//!
//! [`recognise`] follows the statements one by one, as terms: what is called, with which constants, on which argument. The
//! term that is returned is compared with a few forms. A statement, a name or a form that is not known ends it: a closure
//! that does anything else stays what it is. A wrong conclusion would be worse than none, so names count only where they
//! cannot mean something else: in `Base` and `Core`, or where the file itself holds the binding's value (Julia 1.10 and
//! later), or, before that, in `Main`, for names that Base, `NNlib` or Flux export and the file shows no other meaning of; the
//! last is said in the note.

use alloc::{vec, vec::Vec};

use flux_airlock_wire::{Function, NoteCode};

use crate::{
    catalogue::Is,
    ix, names,
    tape::{Form, RecordId, SHORTEST_RUN, Tag, Tape},
    types,
};

/// What a closure was recognised as.
pub(crate) struct Recognised {
    pub(crate) form: Recognition,
    /// How sure the names are.
    pub(crate) note: NoteCode,
}

/// The forms that are known. Records are those of constants in the code, with whether they stand in an array.
pub(crate) enum Recognition {
    /// `cat(x...; dims)`.
    Cat(Constant),
    /// `dropdims(x; dims)`.
    Dropdims(Constant),
    /// `reshape(x, :, size(x, ndims))`.
    Flatten,
    /// `f ∘ g`, as Julia before 1.6 wrote it: `(x...) -> f(g(x...))`.
    Compose(Constant, Constant),
    /// One function after another, the first one first.
    Composed(Vec<Recognition>),
    /// `x[indices...]`.
    Getindex(Vec<Index>),
    /// A function itself, called with the closure's own arguments.
    Function(Function),
    /// `maxpool(x, k)` or `meanpool(x, k)`.
    Pool(Function, Vec<Constant>),
    /// `permutedims(x, perm)`.
    Permutedims(Vec<Constant>),
    /// `reshape(x, dims...)` with constants and at most one colon.
    Reshape(Vec<Extent>),
    /// `softmax(x; dims)`.
    Softmax(Function, Constant),
    /// `f.(x)`.
    Broadcast(Function),
    /// `f.(c, x)`: the constant first.
    BroadcastFirst(Function, Constant),
    /// `f.(x, c)`: the constant last.
    BroadcastSecond(Function, Constant),
}

/// A constant: a number in the code, or what the closure captured, by its place.
#[derive(Clone, Copy)]
pub(crate) enum Constant {
    Literal(RecordId),
    Captured(u32),
}

/// An extent of a new shape.
#[derive(Clone, Copy)]
pub(crate) enum Extent {
    Colon,
    Constant(Constant),
}

/// Where to look in an array, along one of its dimensions.
#[derive(Clone, Copy)]
pub(crate) enum Index {
    All,
    At(Constant),
    /// `end`.
    Last,
    /// From the one to the other.
    Range(Constant, Constant),
}

/// More statements, or terms, than any form has.
const MOST_TERMS: usize = 64;
/// Deeper than any form nests.
const DEEPEST: u32 = 8;

/// A term's place among the terms.
type TermId = usize;

#[derive(Clone)]
enum Term {
    /// An argument of the closure, counted from 0.
    Argument(u32),
    /// The closure itself.
    Closure,
    Constant(Constant),
    Colon,
    /// A symbol in quotes.
    Symbol(names::NameId),
    /// A tuple of symbols.
    Symbols(Vec<names::NameId>),
    Callee(Callee),
    Tuple(Vec<TermId>),
    /// A vector that is made of its elements.
    Vector(Vec<TermId>),
    Range(Constant, Constant),
    /// The type of a `NamedTuple` with these names, and such a value.
    NamesType(Vec<names::NameId>),
    Named(Vec<names::NameId>, Vec<TermId>),
    /// What takes the keywords of this function.
    Keywords(Function),
    Call(Callee, Vec<TermId>, Option<(names::NameId, TermId)>),
    /// A broadcast that has not been materialised, and one that has.
    Lazy(Function, Vec<TermId>),
    /// A captured function, applied to all of the closure's arguments; and another, applied to what that gives.
    Spread(Constant),
    Compose(Constant, Constant),
    Broadcast(Function, Vec<TermId>),
}

/// What may be called.
#[derive(Clone, Copy, PartialEq)]
enum Callee {
    Apply,
    ApplyIterate,
    ApplyType,
    Broadcasted,
    Function(Function),
    GetField,
    GetIndex,
    Iterate,
    KeywordCall,
    KeywordFunction,
    LastIndex,
    Materialize,
    NamedTuple,
    Ndims,
    Size,
    Tuple,
    Vect,
}

/// The names of the functions that the file's author defined in `Main`, as far as the file shows them.
///
/// BSON.jl up to 0.2.0 leaves `Main` out.
pub(crate) fn own_functions(tape: &Tape) -> Vec<&str> {
    let types = (0..tape.len()).filter(|&id| tape.get(id).tag() == Tag::DataType);
    let lists = types.filter_map(|id| tape.field(id, names::NAME));
    lists
        .filter_map(|list| {
            let mut parts = tape.children(list).map(|part| tape.get(part).a);
            let ((Some(names::MAIN), Some(name), None) | (Some(name), None, None)) =
                (parts.next(), parts.next(), parts.next())
            else {
                return None;
            };
            tape.names.text(name)?.strip_prefix('#')
        })
        .collect()
}

/// The internal name of the closure of this `jl_anonymous` type: `#7#8`.
pub(crate) fn name(tape: &Tape, ty: RecordId) -> Option<names::NameId> {
    symbol(tape, fields(tape, type_name(tape, ty)?)?.nth(1)?)
}

/// The description of the type's code: equal for all closures over one type.
pub(crate) fn type_name(tape: &Tape, ty: RecordId) -> Option<RecordId> {
    tape.field(ty, names::TYPENAME).map(|name| tape.resolve(name))
}

/// Concludes what the closure of this `jl_anonymous` type does; `captured` is how many values it holds, and `own` are the
/// functions of the author's own.
pub(crate) fn recognise(tape: &Tape, ty: RecordId, captured: u32, own: &[&str]) -> Option<Recognised> {
    let name = type_name(tape, ty)?;
    if struct_path(tape, name)?.text() != "Core.TypeName" {
        return None;
    }
    let type_name = few(fields(tape, name)?)?;
    if !matches!(type_name.len(), 11 | 12) {
        return None;
    }
    let table = few(elements(tape, *type_name.last()?)?)?;
    let &[_, methods, _, sorter] = table.as_slice() else { return None };
    if tape.get(tape.resolve(sorter)).form != Form::Null {
        return None;
    }
    let mut methods = elements(tape, methods)?;
    let (method, None) = (methods.next()?, methods.next()) else { return None };
    let method = tape.resolve(method);
    if struct_path(tape, method)?.text() != "Core.Method" {
        return None;
    }
    let method = few(fields(tape, method)?)?;
    if !matches!(method.len(), 10 | 11) {
        return None;
    }
    let [.., arguments, is_variadic, _, code] = *method.as_slice() else { return None };
    let arguments = u32::try_from(tape.get(arguments).integer()?).ok()?.checked_sub(1)?;
    let is_variadic = tape.get(is_variadic);
    let most = if is_variadic.a == 0 { 2 } else { 1 };
    if is_variadic.form != Form::Boolean || arguments == 0 || arguments > most {
        return None;
    }
    let code = tape.resolve(code);
    if struct_path(tape, code)?.text() != "Core.CodeInfo" {
        return None;
    }
    let statements = fields(tape, code)?.next()?;
    let field_names = symbols_of(tape, *type_name.get(2)?)?;
    if u32::try_from(field_names.len()) != Ok(captured) {
        return None;
    }
    let mut reader = Reader { tape, own, terms: Vec::new(), values: Vec::new(), field_names, by_name: false };
    let result = reader.statements(statements)?;
    // A statement that the result does not need was written for something else.
    if reader.values.iter().flatten().any(|&(_, is_used)| !is_used) {
        return None;
    }
    let form =
        if is_variadic.a == 0 { reader.form(result, arguments, DEEPEST)? } else { reader.form_of_any(result)? };
    // A captured value that is not part of the conclusion would be lost.
    let mut used = vec![false; ix(captured)];
    form.constants(&mut |constant, _| {
        if let Constant::Captured(at) = constant
            && let Some(used) = used.get_mut(ix(at))
        {
            *used = true;
        }
    });
    if used.contains(&false) {
        return None;
    }
    let note = if reader.by_name { NoteCode::ClosureByName } else { NoteCode::ClosureRecognised };
    Some(Recognised { form, note })
}

impl Recognition {
    /// Shows every constant, and what it has to be: the code does not tell what a captured value is.
    pub(crate) fn constants(&self, show: &mut impl FnMut(Constant, Is)) {
        match self {
            Self::Broadcast(_) | Self::Flatten | Self::Function(_) => {}
            // With an array, the one call is not the other: `x .+ b` is not `(x -> x + b).(x)`.
            Self::BroadcastFirst(_, constant) | Self::BroadcastSecond(_, constant) => show(*constant, Is::Number),
            Self::Cat(dims) | Self::Dropdims(dims) | Self::Softmax(_, dims) => show(*dims, Is::Dims),
            Self::Compose(outer, inner) => {
                show(*outer, Is::Callable);
                show(*inner, Is::Callable);
            }
            Self::Composed(parts) => parts.iter().for_each(|part| part.constants_of_part(show)),
            Self::Permutedims(extents) | Self::Pool(_, extents) => {
                for &extent in extents {
                    show(extent, Is::Int);
                }
            }
            Self::Getindex(indices) => {
                for index in indices {
                    match *index {
                        Index::All | Index::Last => {}
                        Index::At(at) => show(at, Is::Int),
                        Index::Range(first, last) => {
                            show(first, Is::Int);
                            show(last, Is::Int);
                        }
                    }
                }
            }
            Self::Reshape(extents) => {
                for extent in extents {
                    if let Extent::Constant(extent) = *extent {
                        show(extent, Is::Int);
                    }
                }
            }
        }
    }

    /// The same for a part of a composition, which is never composed itself.
    fn constants_of_part(&self, show: &mut impl FnMut(Constant, Is)) {
        if !matches!(self, Self::Composed(_)) {
            self.constants(show);
        }
    }
}

struct Reader<'t> {
    tape: &'t Tape,
    own: &'t [&'t str],
    terms: Vec<Term>,
    /// The terms of the statements, by number, and whether a later statement needs them.
    values: Vec<Option<(TermId, bool)>>,
    field_names: Vec<names::NameId>,
    /// Was a name taken for what it usually is?
    by_name: bool,
}

impl Reader<'_> {
    /// Follows the statements to the one that returns, which is the last.
    fn statements(&mut self, list: RecordId) -> Option<TermId> {
        let tape = self.tape;
        let mut result = None;
        for statement in elements(tape, list)? {
            if result.is_some() || self.values.len() >= MOST_TERMS {
                return None;
            }
            let statement = tape.resolve(statement);
            if let Some(returned) = self.returned(statement) {
                result = Some(self.term(returned, DEEPEST)?);
                continue;
            }
            let value = if tape.get(statement).form == Form::Null || self.is_line(statement) {
                None
            } else {
                Some((self.term(statement, DEEPEST)?, false))
            };
            self.values.push(value);
        }
        result
    }

    /// Is it a note of the compiler's: a line, or `meta`?
    fn is_line(&self, statement: RecordId) -> bool {
        let tape = self.tape;
        match struct_path(tape, statement).as_ref().map(types::Path::text) {
            Some("Core.LineNumberNode") => true,
            Some("Core.Expr") => self.head(statement).is_some_and(|head| matches!(head, "meta" | "line")),
            _ => false,
        }
    }

    fn head(&self, expression: RecordId) -> Option<&str> {
        let head = fields(self.tape, expression)?.next()?;
        self.tape.names.text(symbol(self.tape, head)?)
    }

    /// The parts of an `Expr` with this head.
    fn expression(&self, record: RecordId, head: &str) -> Option<Vec<RecordId>> {
        if struct_path(self.tape, record)?.text() != "Core.Expr" || self.head(record)? != head {
            return None;
        }
        let parts = fields(self.tape, record)?.nth(1)?;
        few(elements(self.tape, parts)?)
    }

    /// What a statement returns, if it does.
    fn returned(&self, statement: RecordId) -> Option<RecordId> {
        if struct_path(self.tape, statement)?.text() == "Core.ReturnNode" {
            let mut parts = fields(self.tape, statement)?;
            let (value, None) = (parts.next()?, parts.next()) else { return None };
            return Some(value);
        }
        match self.expression(statement, "return")?.as_slice() {
            &[value] => Some(value),
            _ => None,
        }
    }

    fn add(&mut self, term: Term) -> Option<TermId> {
        if self.terms.len() >= MOST_TERMS {
            return None;
        }
        self.terms.push(term);
        self.terms.len().checked_sub(1)
    }

    /// The term that a value in the code stands for.
    fn term(&mut self, value: RecordId, depth: u32) -> Option<TermId> {
        let depth = depth.checked_sub(1)?;
        let tape = self.tape;
        let value = tape.resolve(value);
        let record = tape.get(value);
        match record.form {
            Form::Double | Form::Int32 | Form::Int64 => return self.add(Term::Constant(Constant::Literal(value))),
            Form::Document(Tag::Tuple) => {
                let symbols = symbols_of_list(tape, tape.resolve(tape.field(value, names::DATA)?))?;
                return self.add(Term::Symbols(symbols));
            }
            Form::Document(Tag::Struct) => {}
            _ => return None,
        }
        let path = struct_path(tape, value)?;
        match path.text() {
            "Core.SSAValue" => {
                let at = tape.get(fields(tape, value)?.next()?).integer()?;
                // Julia 0.7 and later count from 1 here.
                let at = usize::try_from(at).ok()?.checked_sub(1)?;
                let (term, is_used) = self.values.get_mut(at)?.as_mut()?;
                *is_used = true;
                Some(*term)
            }
            "Core.SlotNumber" | "Core.Argument" => match tape.get(fields(tape, value)?.next()?).integer()? {
                1 => self.add(Term::Closure),
                at => self.add(Term::Argument(u32::try_from(at).ok()?.checked_sub(2)?)),
            },
            "Core.QuoteNode" => {
                let quoted = fields(tape, value)?.next()?;
                match symbol(tape, quoted) {
                    Some(name) => self.add(Term::Symbol(name)),
                    None => self.term(quoted, depth),
                }
            }
            "Core.GlobalRef" => {
                let term = self.global(value)?;
                self.add(term)
            }
            "Core.Expr" => {
                let parts = self.expression(value, "call")?;
                self.call(&parts, depth)
            }
            "Base.Colon" => self.add(Term::Colon),
            _ if types::primitive(tape, tape.field(value, names::TYPE)?).is_some() => {
                self.add(Term::Constant(Constant::Literal(value)))
            }
            _ => None,
        }
    }

    /// What a global name means.
    fn global(&mut self, value: RecordId) -> Option<Term> {
        let tape = self.tape;
        let parts = few(fields(tape, value)?)?;
        let (&module, &name) = (parts.first()?, parts.get(1)?);
        let name = tape.names.text(symbol(tape, name)?)?;
        let module = tape.resolve(module);
        if tape.get(module).tag() != Tag::Ref {
            return None;
        }
        let module = types::ref_path(tape, tape.field(module, names::PATH)?)?;
        if let Some(&binding) = parts.get(2)
            && struct_path(tape, tape.resolve(binding)).is_some_and(|path| path.text() == "Core.Binding")
            && !matches!(module.text(), "Base" | "Core")
        {
            return self.bound(binding);
        }
        match module.text() {
            "Core" => core_name(name),
            "Base" => base_name(name),
            "Main" => {
                if self.own.contains(&name) {
                    return None;
                }
                self.by_name = true;
                base_name(name).or_else(|| exported_function(name).map(|f| Term::Callee(Callee::Function(f))))
            }
            _ => None,
        }
    }

    /// The value that a binding holds in the file, or its owner.
    fn bound(&self, binding: RecordId) -> Option<Term> {
        let tape = self.tape;
        let mut binding = tape.resolve(binding);
        for _ in 0..4 {
            let parts: Vec<RecordId> = fields(tape, binding)?.take(3).collect();
            let &[value, _, owner] = parts.as_slice() else { return None };
            let value = tape.resolve(value);
            if tape.get(value).tag() != Tag::Struct {
                return None;
            }
            let path = struct_path(tape, value)?;
            if path.text() == "BSON.Undef" {
                binding = tape.resolve(owner);
                if struct_path(tape, binding)?.text() != "Core.Binding" {
                    return None;
                }
                continue;
            }
            if path.text() == "Base.Colon" {
                return Some(Term::Colon);
            }
            let name = path.name().strip_prefix('#')?;
            return match path.module() {
                "Core" => core_name(name),
                "Base" => base_name(name),
                module => Function::find(module, name).map(|f| Term::Callee(Callee::Function(f))),
            };
        }
        None
    }

    fn call(&mut self, parts: &[RecordId], depth: u32) -> Option<TermId> {
        let mut terms = Vec::with_capacity(parts.len());
        for &part in parts {
            terms.push(self.term(part, depth)?);
        }
        let (&callee, arguments) = terms.split_first()?;
        let arguments = arguments.to_vec();
        let term = match self.terms.get(callee)?.clone() {
            Term::Callee(callee) => self.apply(callee, &arguments)?,
            Term::NamesType(fields) => {
                let &[values] = arguments.as_slice() else { return None };
                let Term::Tuple(values) = self.terms.get(values)?.clone() else { return None };
                if values.len() != fields.len() {
                    return None;
                }
                Term::Named(fields, values)
            }
            // `first:last`.
            Term::Colon => match *arguments.as_slice() {
                [first, last] => Term::Range(self.constant(first)?, self.constant(last)?),
                _ => return None,
            },
            // Julia up to 1.8: kwfunc(f)(keywords, f, arguments...).
            Term::Keywords(function) => self.keywords(function, &arguments)?,
            Term::Constant(outer @ Constant::Captured(_)) => match *arguments.as_slice() {
                [one] => match self.terms.get(one)? {
                    Term::Spread(inner) => Term::Compose(outer, *inner),
                    _ => return None,
                },
                _ => return None,
            },
            _ => return None,
        };
        self.add(term)
    }

    fn apply(&self, callee: Callee, arguments: &[TermId]) -> Option<Term> {
        let term = |at: TermId| self.terms.get(at);
        Some(match (callee, arguments) {
            (Callee::Tuple, _) => Term::Tuple(arguments.to_vec()),
            (Callee::Vect, _) => Term::Vector(arguments.to_vec()),
            // The closure's arguments, all of them, passed on: `g(x...)`.
            (Callee::Apply, &[of, rest]) => match (term(of)?, term(rest)?) {
                (Term::Constant(inner @ Constant::Captured(_)), Term::Argument(0)) => Term::Spread(*inner),
                _ => return None,
            },
            (Callee::ApplyIterate, &[iterate, of, rest]) => match (term(iterate)?, term(of)?, term(rest)?) {
                (Term::Callee(Callee::Iterate), Term::Constant(inner @ Constant::Captured(_)), Term::Argument(0)) => {
                    Term::Spread(*inner)
                }
                _ => return None,
            },
            (Callee::ApplyType, &[ty, of]) => match (term(ty)?, term(of)?) {
                (Term::Callee(Callee::NamedTuple), Term::Symbols(symbols)) => Term::NamesType(symbols.clone()),
                _ => return None,
            },
            (Callee::GetField, &[of, field]) => match (term(of)?, term(field)?) {
                (Term::Closure, Term::Symbol(name)) => {
                    let at = self.field_names.iter().position(|field| field == name)?;
                    Term::Constant(Constant::Captured(u32::try_from(at).ok()?))
                }
                _ => return None,
            },
            (Callee::KeywordFunction, &[of]) => match term(of)? {
                Term::Callee(Callee::Function(function)) => Term::Keywords(*function),
                _ => return None,
            },
            // Julia from 1.9: kwcall(keywords, f, arguments...).
            (Callee::KeywordCall, &[_, of, ..]) => match term(of)? {
                Term::Callee(Callee::Function(function)) => self.keywords(*function, arguments)?,
                _ => return None,
            },
            (Callee::Broadcasted, &[of, ref rest @ ..]) => match term(of)? {
                Term::Callee(Callee::Function(function)) => Term::Lazy(*function, rest.to_vec()),
                _ => return None,
            },
            (Callee::Materialize, &[of]) => match term(of)? {
                Term::Lazy(function, rest) => Term::Broadcast(*function, rest.clone()),
                _ => return None,
            },
            (Callee::Function(_) | Callee::Size | Callee::GetIndex | Callee::LastIndex | Callee::Ndims, _) => {
                Term::Call(callee, arguments.to_vec(), None)
            }
            _ => return None,
        })
    }

    /// A call with one keyword: `(keywords, f, arguments...)`.
    fn keywords(&self, function: Function, arguments: &[TermId]) -> Option<Term> {
        let &[keywords, of, ref rest @ ..] = arguments else { return None };
        let (Term::Named(fields, values), Term::Callee(Callee::Function(same))) =
            (self.terms.get(keywords)?, self.terms.get(of)?)
        else {
            return None;
        };
        let (&[name], &[value]) = (fields.as_slice(), values.as_slice()) else { return None };
        (*same == function).then(|| Term::Call(Callee::Function(function), rest.to_vec(), Some((name, value))))
    }

    fn constant(&self, at: TermId) -> Option<Constant> {
        match self.terms.get(at)? {
            Term::Constant(constant) => Some(*constant),
            _ => None,
        }
    }

    fn constants(&self, ids: &[TermId]) -> Option<Vec<Constant>> {
        ids.iter().map(|&id| self.constant(id)).collect()
    }

    fn is_argument(&self, at: TermId, which: u32) -> bool {
        matches!(self.terms.get(at), Some(&Term::Argument(n)) if n == which)
    }

    /// The form of a term, for a closure with so many arguments.
    fn form(&self, at: TermId, arguments: u32, depth: u32) -> Option<Recognition> {
        let depth = depth.checked_sub(1)?;
        if arguments == 2 {
            return self.form_of_two(at);
        }
        // The one argument is what stands first, or what a form was made of it.
        let (own, inner) = match self.terms.get(at)? {
            Term::Call(Callee::Function(function), operands, keyword) => {
                (self.call_form(*function, operands, *keyword)?, *operands.first()?)
            }
            Term::Call(Callee::GetIndex, operands, None) => {
                let (&x, indices) = operands.split_first()?;
                (Recognition::Getindex(self.indices(x, indices)?), x)
            }
            Term::Broadcast(function, operands) => match *operands.as_slice() {
                [x] => (Recognition::Broadcast(*function), x),
                [x, y] => match (self.constant(x), self.constant(y)) {
                    (None, Some(c)) => (Recognition::BroadcastSecond(*function, c), x),
                    (Some(c), None) => (Recognition::BroadcastFirst(*function, c), y),
                    _ => return None,
                },
                _ => return None,
            },
            _ => return None,
        };
        if self.is_argument(inner, 0) {
            return Some(own);
        }
        // A size of something else than the argument would have to be followed too.
        if matches!(own, Recognition::Flatten) {
            return None;
        }
        let mut parts = match self.form(inner, arguments, depth)? {
            Recognition::Composed(parts) => parts,
            part => vec![part],
        };
        parts.push(own);
        Some(Recognition::Composed(parts))
    }

    /// A call whose first operand is the argument, or something made of it.
    fn call_form(
        &self,
        function: Function,
        operands: &[TermId],
        keyword: Option<(names::NameId, TermId)>,
    ) -> Option<Recognition> {
        let (&x, rest) = operands.split_first()?;
        if let Some((name, value)) = keyword {
            let is_dims = self.tape.names.text(name) == Some("dims");
            return match function {
                _ if !is_dims || !rest.is_empty() => None,
                Function::Softmax | Function::Logsoftmax => Some(Recognition::Softmax(function, self.constant(value)?)),
                Function::Dropdims => Some(Recognition::Dropdims(self.constant(value)?)),
                _ => None,
            };
        }
        match (function, rest) {
            (Function::Reshape, _) => self.reshape(x, rest),
            (Function::Permutedims, &[perm]) => match self.terms.get(perm)? {
                Term::Tuple(perm) | Term::Vector(perm) => Some(Recognition::Permutedims(self.constants(perm)?)),
                _ => None,
            },
            (Function::Maxpool | Function::Meanpool, &[k]) => match self.terms.get(k)? {
                Term::Tuple(k) => Some(Recognition::Pool(function, self.constants(k)?)),
                _ => None,
            },
            (_, []) if is_of_one(function) => Some(Recognition::Function(function)),
            _ => None,
        }
    }

    /// The indices of `x[indices...]`: `end` is that of this `x`, in the dimension where it stands.
    fn indices(&self, x: TermId, indices: &[TermId]) -> Option<Vec<Index>> {
        let is_x = |at: TermId| {
            at == x
                || matches!((self.terms.get(at), self.terms.get(x)), (Some(Term::Argument(a)), Some(Term::Argument(b))) if a == b)
        };
        let integer = |constant: Constant| match constant {
            Constant::Literal(id) => self.tape.get(id).integer().is_some().then_some(constant),
            // Looked at where it is known.
            Constant::Captured(_) => Some(constant),
        };
        let count = indices.len();
        let index = |(dim, &at): (usize, &TermId)| match self.terms.get(at)? {
            Term::Colon => Some(Index::All),
            Term::Constant(constant) => Some(Index::At(integer(*constant)?)),
            Term::Range(first, last) => Some(Index::Range(integer(*first)?, integer(*last)?)),
            Term::Call(Callee::LastIndex, operands, None) => match *operands.as_slice() {
                [of] if count == 1 && is_x(of) => Some(Index::Last),
                [of, along] if count > 1 && is_x(of) => match self.constant(along)? {
                    Constant::Literal(id) => {
                        let along = usize::try_from(self.tape.get(id).integer()?).ok()?;
                        (dim.checked_add(1) == Some(along)).then_some(Index::Last)
                    }
                    Constant::Captured(_) => None,
                },
                _ => None,
            },
            _ => None,
        };
        (count > 0).then(|| indices.iter().enumerate().map(index).collect())?
    }

    fn reshape(&self, x: TermId, rest: &[TermId]) -> Option<Recognition> {
        let rest = match *rest {
            [one] => match self.terms.get(one)? {
                Term::Tuple(parts) => parts.as_slice(),
                _ => return None,
            },
            _ => rest,
        };
        if let &[first, second] = rest
            && matches!(self.terms.get(first)?, Term::Colon)
            && self.is_last_size(second, x)
        {
            return Some(Recognition::Flatten);
        }
        let mut colons = 0_u32;
        let mut extents = Vec::with_capacity(rest.len());
        for &part in rest {
            extents.push(match self.terms.get(part)? {
                Term::Colon => {
                    colons = colons.checked_add(1)?;
                    Extent::Colon
                }
                Term::Constant(constant) => Extent::Constant(*constant),
                _ => return None,
            });
        }
        (colons <= 1 && !extents.is_empty()).then_some(Recognition::Reshape(extents))
    }

    /// Is it the number of samples of `x`: `size(x, 4)`, or `size(x)[end]`, or `size(x, ndims(x))`?
    fn is_last_size(&self, at: TermId, x: TermId) -> bool {
        let is_x = |at: TermId| match (self.terms.get(at), self.terms.get(x)) {
            (Some(Term::Argument(a)), Some(Term::Argument(b))) => a == b,
            _ => false,
        };
        let is_size = |at: TermId| match self.terms.get(at) {
            Some(Term::Call(Callee::Size, operands, None)) => matches!(*operands.as_slice(), [of] if is_x(of)),
            _ => false,
        };
        match self.terms.get(at) {
            Some(Term::Call(Callee::Size, operands, None)) => match *operands.as_slice() {
                [of, dim] if is_x(of) => match self.terms.get(dim) {
                    // Images have four dimensions: width, height, channels, samples.
                    Some(Term::Constant(Constant::Literal(id))) => self.tape.get(*id).integer() == Some(4),
                    Some(Term::Call(Callee::Ndims, operands, None)) => matches!(*operands.as_slice(), [of] if is_x(of)),
                    _ => false,
                },
                _ => false,
            },
            Some(Term::Call(Callee::GetIndex, operands, None)) => match *operands.as_slice() {
                [of, index] if is_size(of) => match self.terms.get(index) {
                    Some(Term::Call(Callee::LastIndex, operands, None)) => *operands.as_slice() == [of],
                    _ => false,
                },
                _ => false,
            },
            _ => false,
        }
    }

    /// A closure of any number of arguments.
    fn form_of_any(&self, at: TermId) -> Option<Recognition> {
        match *self.terms.get(at)? {
            Term::Compose(outer, inner) => Some(Recognition::Compose(outer, inner)),
            _ => None,
        }
    }

    /// A closure of two arguments, as a connection has them: in their order, each once.
    fn form_of_two(&self, at: TermId) -> Option<Recognition> {
        let Term::Call(Callee::Function(function), operands, keyword) = self.terms.get(at)? else { return None };
        let &[a, b] = operands.as_slice() else { return None };
        if !self.is_argument(a, 0) || !self.is_argument(b, 1) {
            return None;
        }
        match (function, keyword) {
            (Function::Cat, Some((name, dims))) if self.tape.names.text(*name) == Some("dims") => {
                Some(Recognition::Cat(self.constant(*dims)?))
            }
            (Function::Hcat | Function::Minus | Function::Plus | Function::Times | Function::Vcat, None) => {
                Some(Recognition::Function(*function))
            }
            _ => None,
        }
    }
}

/// A function that takes one array, or one number, and nothing else that changes what it does.
fn is_of_one(function: Function) -> bool {
    match function.module() {
        "NNlib" => !matches!(function, Function::Maxpool | Function::Meanpool),
        "Base" => matches!(
            function,
            Function::Abs
                | Function::Abs2
                | Function::Cos
                | Function::Exp
                | Function::Identity
                | Function::Log
                | Function::Permutedims
                | Function::Sin
                | Function::Sqrt
                | Function::Tan
                | Function::Tanh
                | Function::Vec
        ),
        _ => matches!(function, Function::Flatten | Function::MlutilsFlatten),
    }
}

fn core_name(name: &str) -> Option<Term> {
    Some(Term::Callee(match name {
        "NamedTuple" => Callee::NamedTuple,
        "_apply" => Callee::Apply,
        "_apply_iterate" => Callee::ApplyIterate,
        "apply_type" => Callee::ApplyType,
        "getfield" => Callee::GetField,
        "kwcall" => Callee::KeywordCall,
        "kwfunc" => Callee::KeywordFunction,
        "tuple" => Callee::Tuple,
        _ => return None,
    }))
}

fn base_name(name: &str) -> Option<Term> {
    Some(Term::Callee(match name {
        ":" => return Some(Term::Colon),
        "broadcasted" => Callee::Broadcasted,
        "getindex" => Callee::GetIndex,
        "iterate" => Callee::Iterate,
        "lastindex" => Callee::LastIndex,
        "materialize" => Callee::Materialize,
        "ndims" => Callee::Ndims,
        "size" => Callee::Size,
        "vect" => Callee::Vect,
        _ => Callee::Function(Function::find("Base", name)?),
    }))
}

/// A function that `NNlib` or Flux exports under this name.
fn exported_function(name: &str) -> Option<Function> {
    match name {
        "gelu" => Some(Function::GeluTanh),
        "sigmoid" => Some(Function::Sigma),
        "hardsigmoid" => Some(Function::HardSigma),
        "logsigmoid" => Some(Function::LogSigma),
        "flatten" => Some(Function::Flatten),
        _ => Function::find("NNlib", name),
    }
}

fn struct_path(tape: &Tape, id: RecordId) -> Option<types::Path> {
    if tape.get(id).tag() != Tag::Struct {
        return None;
    }
    types::path(tape, tape.field(id, names::TYPE)?)
}

/// The fields of a struct, each as it stands.
fn fields(tape: &Tape, id: RecordId) -> Option<impl Iterator<Item = RecordId> + '_> {
    if tape.get(id).tag() != Tag::Struct {
        return None;
    }
    elements(tape, tape.field(id, names::DATA)?)
}

/// The elements of an array, unless they are more than any form has: then one record may stand for many of them.
fn elements(tape: &Tape, id: RecordId) -> Option<impl Iterator<Item = RecordId> + '_> {
    const { assert!(MOST_TERMS < SHORTEST_RUN, "no element is hidden in a run") };
    let id = tape.resolve(id);
    (tape.get(id).form == Form::Array && ix(tape.count(id)) <= MOST_TERMS).then(|| tape.children(id))
}

/// All of them, unless they are more than any form has.
fn few(records: impl Iterator<Item = RecordId>) -> Option<Vec<RecordId>> {
    let few: Vec<RecordId> = records.take(MOST_TERMS).collect();
    (few.len() < MOST_TERMS).then_some(few)
}

fn symbol(tape: &Tape, id: RecordId) -> Option<names::NameId> {
    let id = tape.resolve(id);
    if tape.get(id).tag() != Tag::Symbol {
        return None;
    }
    Some(tape.get(tape.field(id, names::NAME)?).a)
}

/// The symbols in an `svec`.
fn symbols_of(tape: &Tape, id: RecordId) -> Option<Vec<names::NameId>> {
    let id = tape.resolve(id);
    if tape.get(id).tag() != Tag::Svec {
        return None;
    }
    symbols_of_list(tape, tape.field(id, names::DATA)?)
}

fn symbols_of_list(tape: &Tape, list: RecordId) -> Option<Vec<names::NameId>> {
    few(elements(tape, list)?)?.into_iter().map(|id| symbol(tape, id)).collect()
}
