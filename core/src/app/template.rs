//! Configuration files from templates.
//!
//! **Invariant:** strict. A template that asks for a value nobody set is an error that names template and line.

use super::definition::TemplateFile;
use super::{AppDefinition, Bundle, CheckedValues, Placement, ValueType};
use crate::compose::{Problem, Problems};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context};
use std::collections::{BTreeMap, BTreeSet};

/// The most steps one template may take, so that none runs for ever.
const FUEL: u64 = 1_000_000;
/// The most bytes one template may become.
const OUTPUT_LIMIT: usize = 4 << 20;

/// What the templates of a release became.
#[derive(Debug, Default)]
pub struct Made {
    /// Content by the path it has in the instance's folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Those into which a secret may have gone.
    pub secret: BTreeSet<String>,
}

/// Makes all files of all templates.
pub fn make(
    bundle: &Bundle,
    definition: &AppDefinition,
    values: &CheckedValues,
    placement: &Placement,
) -> Result<Made, Problems> {
    let mut made = Made::default();
    let mut problems = Problems::default();
    let context = context_of(values, placement);
    for file in &definition.templates {
        match make_one(bundle, file, &context) {
            Ok((text, asked)) => {
                if may_hold_secret(values, &asked) {
                    made.secret.insert(file.to.clone());
                }
                made.files.insert(file.to.clone(), text.into_bytes());
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.or(made)
}

fn context_of(values: &CheckedValues, placement: &Placement) -> Value {
    let values: BTreeMap<&str, Value> =
        values.iter().map(|(name, value)| (name.as_str(), typed(value.kind, value.text.expose()))).collect();
    context! {
        values,
        instance => placement.instance.as_str(),
        host => placement.host.as_str(),
        version => placement.version.as_str(),
    }
}

/// Numbers and switches are given as such, so that templates can reckon and decide with them.
fn typed(kind: ValueType, text: &str) -> Value {
    match kind {
        ValueType::Integer | ValueType::Port => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        ValueType::Boolean => Value::from(text == "true"),
        ValueType::String | ValueType::Duration | ValueType::Size | ValueType::Choice | ValueType::Path => {
            Value::from(text)
        }
    }
}

/// Makes one file; also says what the template asks for.
fn make_one(bundle: &Bundle, file: &TemplateFile, context: &Value) -> Result<(String, BTreeSet<String>), Problem> {
    let from = &file.from;
    let bytes = bundle.file(from).ok_or_else(|| Problem::of_file(from, "the bundle has no such file"))?;
    let source = std::str::from_utf8(bytes).map_err(|_| Problem::of_file(from, "the file is not UTF-8 text"))?;
    let mut environment = environment().map_err(|error| problem(from, &error))?;
    environment.add_template(from, source).map_err(|error| problem(from, &error))?;
    let template = environment.get_template(from).map_err(|error| problem(from, &error))?;
    let asked: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
    let text = template.render(context).map_err(|error| render_problem(from, &error, &asked, context))?;
    if text.len() > OUTPUT_LIMIT {
        return Err(Problem::of_file(from, "the template makes more than 4 MiB"));
    }
    Ok((text, asked))
}

/// Lines that hold only a tag vanish, and a file's last line break stays.
fn environment<'a>() -> Result<Environment<'a>, minijinja::Error> {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    let mut environment = Environment::new();
    environment.set_syntax(syntax.build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    Ok(environment)
}

/// A template that asks for the values as a whole may get any of them.
fn may_hold_secret(values: &CheckedValues, asked: &BTreeSet<String>) -> bool {
    let is_asked = |name: &str| asked.contains("values") || asked.contains(&format!("values.{name}"));
    values.iter().any(|(name, value)| value.text.is_secret() && is_asked(name))
}

fn problem(file: &str, error: &minijinja::Error) -> Problem {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    Problem::of_file(file, format!("{}{detail}", error.kind())).at(error.line().unwrap_or(0), 1)
}

/// Where a value is missing, also says which of those that the template asks for have none.
fn render_problem(file: &str, error: &minijinja::Error, asked: &BTreeSet<String>, context: &Value) -> Problem {
    let problem = problem(file, error);
    if error.kind() != ErrorKind::UndefinedError {
        return problem;
    }
    let values = context.get_attr("values").unwrap_or_default();
    let is_missing = |name: &&str| values.get_attr(name).is_ok_and(|value| value.is_undefined());
    let missing: Vec<_> = asked.iter().filter_map(|name| name.strip_prefix("values.")).filter(is_missing).collect();
    match missing.first() {
        Some(name) => problem.hint(format!("set `{name}`, or write `{{{{ values.{name} | default(\"\") }}}}`")),
        None => problem.hint("templates know `values`, `instance`, `host` and `version`"),
    }
}
