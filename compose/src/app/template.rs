//! Configuration files from templates.
//!
//! **Invariant:** strict. A template that uses an unset value is an error with the value's name and position.

mod bounds;
mod problem;

use super::definition::TemplateFile;
use super::{AppDefinition, Bundle, CheckedValues, Placement, ValueType};
use crate::compose::{Problem, Problems};
use crate::spec::Text;
use bounds::{OUTPUT_LIMIT, Output, bound_filters};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Template, UndefinedBehavior, context};
use problem::problem;
use std::collections::{BTreeMap, BTreeSet};

/// The most steps one template may take, so that none runs for ever.
const FUEL: u64 = 1_000_000;
/// The most bytes that all templates of a release may become together.
const TOTAL_LIMIT: usize = 16 << 20;

/// Files rendered from the templates of a release.
#[derive(Debug, Default)]
pub struct RenderedTemplates {
    /// Content by the path it has in the instance's folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Files that may contain a secret.
    pub secret: BTreeSet<String>,
}

/// Renders all templates, and calls `begun` with each before rendering it.
pub fn make(
    bundle: &Bundle,
    definition: &AppDefinition,
    values: &CheckedValues,
    placement: &Placement,
    begun: &dyn Fn(&str),
) -> Result<RenderedTemplates, Problems> {
    let mut made = RenderedTemplates::default();
    let mut problems = Problems::default();
    let context = context_of(values, placement);
    let mut left = TOTAL_LIMIT;
    for file in &definition.templates {
        begun(&file.from);
        match make_one(bundle, definition, file, &context) {
            Ok((text, asked)) => {
                let Some(rest) = left.checked_sub(text.len()) else {
                    let text = format!("the templates make more than {} MiB together", TOTAL_LIMIT >> 20);
                    return Err(Problem::of_file(&file.from, text).into());
                };
                left = rest;
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

/// Renders one file; also returns the variables that the template uses.
fn make_one(
    bundle: &Bundle,
    definition: &AppDefinition,
    file: &TemplateFile,
    context: &Value,
) -> Result<(String, BTreeSet<String>), Problem> {
    let from = &file.from;
    let bytes = bundle.file(from).ok_or_else(|| Problem::of_file(from, "the bundle has no such file"))?;
    let source = std::str::from_utf8(bytes).map_err(|_| Problem::of_file(from, "the file is not UTF-8 text"))?;
    let wrong = |error: minijinja::Error| problem(from, source, definition, &error);
    let mut environment = environment().map_err(wrong)?;
    environment.add_template(from, source).map_err(wrong)?;
    let template = environment.get_template(from).map_err(wrong)?;
    let asked: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
    match written(&template, context) {
        Ok(text) => Ok((text, asked)),
        Err(None) => Err(Problem::of_file(from, too_large("the template"))),
        Err(Some(error)) => Err(wrong(error)),
    }
}

/// Returns the output of a template; an empty error if it is too long.
fn written(template: &Template<'_, '_>, context: &Value) -> Result<String, Option<minijinja::Error>> {
    let mut output = Output::default();
    let failure = template.render_captured_to(context, &mut output).err();
    match failure {
        None => Ok(output.into_text()),
        Some(_) if output.is_over() => Err(None),
        Some(error) => Err(Some(error)),
    }
}

fn too_large(what: &str) -> String {
    format!("{what} makes more than {} MiB", OUTPUT_LIMIT >> 20)
}

/// Texts of app.yaml with values in them, such as `{{ values.database }}`.
pub struct Texts<'a> {
    definition: &'a AppDefinition,
    values: &'a CheckedValues,
    context: Value,
}

impl<'a> Texts<'a> {
    pub fn of(definition: &'a AppDefinition, values: &'a CheckedValues, placement: &Placement) -> Self {
        Self { definition, values, context: context_of(values, placement) }
    }

    /// Returns the text for the instance, secret if a secret value may be part of it; or the problem, with a hint.
    pub fn text(&self, source: &str) -> Result<Text, (String, Option<String>)> {
        if !source.contains("{{") && !source.contains("{%") {
            return Ok(Text::plain(source));
        }
        let wrong = |error: minijinja::Error| {
            let problem = problem("text", source, self.definition, &error);
            (problem.text, problem.hint)
        };
        let mut environment = environment().map_err(wrong)?;
        environment.add_template("text", source).map_err(wrong)?;
        let template = environment.get_template("text").map_err(wrong)?;
        let asked = template.undeclared_variables(true).into_iter().collect();
        let text = written(&template, &self.context)
            .map_err(|error| error.map_or_else(|| (too_large("this text"), None), wrong))?;
        Ok(if may_hold_secret(self.values, &asked) { Text::secret(text) } else { Text::plain(text) })
    }
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
    // Needed for the position of an error.
    environment.set_debug(true);
    bound_filters(&mut environment);
    Ok(environment)
}

/// A template that asks for the values as a whole may get any of them.
fn may_hold_secret(values: &CheckedValues, asked: &BTreeSet<String>) -> bool {
    let is_asked = |name: &str| asked.contains("values") || asked.contains(&format!("values.{name}"));
    values.iter().any(|(name, value)| value.text.is_secret() && is_asked(name))
}
