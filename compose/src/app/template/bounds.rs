//! Limits on rendering: on a template's output, and on filters that multiply text.
//!
//! Fuel counts a template's steps and no bytes. What grows by other means (`~`, blocks that are kept in a variable) is bounded
//! by the memory of the process that renders; see the crate `fleet-render`.

use minijinja::value::{Kwargs, Rest, Value, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, ErrorKind, State, filters};
use std::io::{self, Write};

/// The most bytes that one template may become, or that one of its filters may make.
pub const OUTPUT_LIMIT: usize = 4 << 20;
/// The deepest indentation that a filter may add.
const INDENT_LIMIT: usize = 1000;

/// Receives a template's output, and fails above the limit.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    is_over: bool,
}

impl Output {
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    pub fn into_text(self) -> String {
        String::from_utf8(self.bytes).expect("a template writes text")
    }
}

impl Write for Output {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > OUTPUT_LIMIT {
            self.is_over = true;
            return Err(io::Error::other("the output is too large"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Replaces filters that multiply text by bounded ones.
pub fn bound_filters(environment: &mut Environment<'_>) {
    bound(environment, "replace", Value::from_function(filters::replace), replaced);
    bound(environment, "join", Value::from_function(filters::join), joined);
    bound(environment, "indent", Value::from_function(filters::indent), indented);
    bound(environment, "format", Value::from_function(filters::format), formatted);
    bound(environment, "tojson", Value::from_function(filters::tojson), of_json);
    bound(environment, "batch", Value::from_function(filters::batch), counted);
    bound(environment, "slice", Value::from_function(filters::slice), counted);
}

/// Works out at least how large a filter's result is, before it is made.
type Measure = fn(&[Value]) -> Result<usize, Error>;

fn bound(environment: &mut Environment<'_>, name: &'static str, filter: Value, measure: Measure) {
    let bounded = move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
        let args = args.into_values();
        if measure(&args)? > OUTPUT_LIMIT {
            return Err(too_large(name));
        }
        filter.call(state, &args)
    };
    environment.add_filter(name, bounded);
}

fn too_large(name: &str) -> Error {
    let text = format!("what `{name}` makes is larger than {} MiB", OUTPUT_LIMIT >> 20);
    Error::new(ErrorKind::InvalidOperation, text)
}

fn length(value: &Value) -> usize {
    value.as_str().map_or_else(|| value.to_string().len(), str::len)
}

fn replaced(args: &[Value]) -> Result<usize, Error> {
    let [value, from, to, ..] = args else { return Ok(0) };
    let (value, from, to) = (value.to_string(), from.to_string(), length(to));
    let found = value.matches(from.as_str()).count();
    Ok(value.len().saturating_add(found.saturating_mul(to)).saturating_sub(found.saturating_mul(from.len())))
}

fn joined(args: &[Value]) -> Result<usize, Error> {
    let (positional, kwargs): (&[Value], Kwargs) = from_args(args)?;
    let Some(items) = positional.first() else { return Ok(0) };
    let joiner = positional.get(1).cloned().or(kwargs.get::<Option<Value>>("d")?);
    let joiner = joiner.as_ref().map_or(0, length);
    // The filter itself reports values that cannot be joined.
    let Ok(items) = items.try_iter() else { return Ok(0) };
    let mut sum = 0_usize;
    for item in items {
        sum = sum.saturating_add(length(&item)).saturating_add(joiner);
        if sum > OUTPUT_LIMIT.saturating_add(joiner) {
            break;
        }
    }
    Ok(sum.saturating_sub(joiner))
}

fn indented(args: &[Value]) -> Result<usize, Error> {
    let (positional, kwargs): (&[Value], Kwargs) = from_args(args)?;
    let width = positional.get(1).cloned().or(kwargs.get::<Option<Value>>("width")?);
    let width = width.and_then(|width| width.as_usize()).unwrap_or(4);
    let text = positional.first().map(Value::to_string).unwrap_or_default();
    Ok(text.len().saturating_add(width.saturating_mul(text.split('\n').count())))
}

/// Returns the width of the output. Widths and precisions are numbers in the format, or arguments in place of `*`.
fn formatted(args: &[Value]) -> Result<usize, Error> {
    let [format, rest @ ..] = args else { return Ok(0) };
    let format = format.to_string();
    let written = format.split(|letter: char| !letter.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let written = written.map(|digits| digits.parse().unwrap_or(usize::MAX)).fold(0, usize::saturating_add);
    let given = rest.iter().filter_map(Value::as_i64).map(|number| number.unsigned_abs() as usize);
    let given = if format.contains('*') { given.fold(0, usize::saturating_add) } else { 0 };
    // A name in the format may bring one text in many times.
    let longest = rest.iter().map(length).max().unwrap_or_default().saturating_mul(format.matches('%').count());
    Ok(format.len().saturating_add(written).saturating_add(given).saturating_add(longest))
}

fn of_json(args: &[Value]) -> Result<usize, Error> {
    let (positional, kwargs): (&[Value], Kwargs) = from_args(args)?;
    let indent = positional.get(1).cloned().or(kwargs.get::<Option<Value>>("indent")?);
    let width = indent.and_then(|width| width.as_usize()).unwrap_or_default();
    // The filter itself is to see which arguments were used.
    Ok(if width > INDENT_LIMIT { usize::MAX } else { positional.first().map_or(0, length) })
}

fn counted(args: &[Value]) -> Result<usize, Error> {
    Ok(args.get(1).and_then(Value::as_usize).unwrap_or_default())
}
