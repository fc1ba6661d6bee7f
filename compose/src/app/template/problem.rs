//! Problem of a template, with its position and the value.

use super::super::AppDefinition;
use crate::compose::Problem;
use crate::guess::closest;
use minijinja::{Error, ErrorKind};

/// Converts the error of a template to a problem.
pub fn problem(file: &str, source: &str, definition: &AppDefinition, error: &Error) -> Problem {
    let name = undefined(error);
    let (line, column) = place(source, error, name).unwrap_or((error.line().unwrap_or(0), 1));
    let (text, hint) = match name {
        Some(name) => missing(name, definition),
        None => (fault(source, error), None),
    };
    let problem = Problem::of_file(file, text).at(line, column);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// Returns the undefined expression of a template as written: `values.port`.
fn undefined(error: &Error) -> Option<&str> {
    let is_undefined = error.kind() == ErrorKind::UndefinedError;
    let detail = error.detail().filter(|_| is_undefined)?;
    detail.strip_prefix('`')?.split_once("` is undefined").map(|(name, _)| name)
}

fn missing(name: &str, definition: &AppDefinition) -> (String, Option<String>) {
    let declared = || definition.values.keys().map(String::as_str);
    let Some(value) = name.strip_prefix("values.") else {
        let hint = match definition.values.contains_key(name) {
            true => format!("write `values.{name}`"),
            false => "templates know `values`, `instance`, `host` and `version`".to_owned(),
        };
        return (format!("`{name}` is not defined"), Some(hint));
    };
    if definition.values.contains_key(value) {
        let hint = format!("set `{value}`, or write `{{{{ values.{value} | default(\"\") }}}}`");
        return (format!("the value `{value}` is not set"), Some(hint));
    }
    let hint = match closest(value, declared()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if definition.values.is_empty() => "app.yaml declares no values".to_owned(),
        None => format!("app.yaml declares `{}`", declared().collect::<Vec<_>>().join("`, `")),
    };
    (format!("there is no value `{value}`"), Some(hint))
}

/// Returns any other error; for values of incompatible types, with the piece of the template around them.
fn fault(source: &str, error: &Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let range = error.range().filter(|_| error.kind() == ErrorKind::InvalidOperation);
    let piece = range.and_then(|range| source.get(range)).map(|piece| format!(" (`{piece}`)"));
    format!("{}{detail}{}", error.kind(), piece.unwrap_or_default())
}

/// Returns line and column, counted from 1: of the name if it is found, else of the error.
fn place(source: &str, error: &Error, name: Option<&str>) -> Option<(usize, usize)> {
    let range = error.range()?;
    // The error is in a filter or comparison that follows the value, so the value is searched before its end.
    let named = name.and_then(|name| source.get(..range.end)?.rfind(name));
    let before = source.get(..named.unwrap_or(range.start))?;
    let start_of_line = before.rfind('\n').map_or(0, |at| at + 1);
    Some((before.matches('\n').count() + 1, before[start_of_line..].chars().count() + 1))
}

#[cfg(test)]
mod tests {
    use crate::app::{Bundle, lint};

    const DEFINITION: &str = "app: notes
values:
  db_password: { type: string, secret: true, required: true }
  port: { type: port, default: 8080 }
  title: { type: string }
templates: [{ from: web.ini.j2, to: web.ini }]
";

    fn check(template: &str, expect: &str) {
        let compose = "services: { web: { image: notes } }";
        let files = [("app.yaml", DEFINITION), ("compose.yaml", compose), ("web.ini.j2", template)];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let bundle = Bundle::new(files.into()).expect("the bundle is good");
        assert_eq!(lint(&bundle, None).problems.to_string(), expect, "for `{template}`");
    }

    #[test]
    fn an_undeclared_value_is_named_with_its_place_and_what_may_be_meant() {
        let slip = "there is no value `db_pasword`\nhint: did you mean `db_password`?";
        check("# é\n  {{ values.port }} {{ values.db_pasword }}", &format!("web.ini.j2:2:24: {slip}"));
        check("{% if values.db_pasword %}x{% endif %}", &format!("web.ini.j2:1:7: {slip}"));
        check("{{ values.db_pasword | upper }}", &format!("web.ini.j2:1:4: {slip}"));
        check("a: {{ values.db_pasword > 3 }}", &format!("web.ini.j2:1:7: {slip}"));
        check(
            "{{ values.colour }}",
            "web.ini.j2:1:4: there is no value `colour`\nhint: app.yaml declares `db_password`, `port`, `title`",
        );
        check("{{ port }}", "web.ini.j2:1:4: `port` is not defined\nhint: write `values.port`");
        check(
            "{{ hots }}",
            "web.ini.j2:1:4: `hots` is not defined\nhint: templates know `values`, `instance`, `host` and `version`",
        );
    }

    #[test]
    fn a_value_that_may_be_left_out_must_have_a_default_where_it_is_used() {
        check(
            "{{ values.title }}",
            "web.ini.j2:1:4: the value `title` is not set\nhint: set `title`, or write `{{ values.title | default(\"\") }}`",
        );
        check("{{ values.title | default(\"\") }}", "");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_place() {
        check(
            "a\n  {{ values.port + \"a\" }}",
            "web.ini.j2:2:6: invalid operation: tried to use + operator on unsupported types number and string \
             (`values.port + \"a\"`)",
        );
        check(
            "{% for one in values.port %}{% endfor %}",
            "web.ini.j2:1:15: invalid operation: number is not iterable (`values.port`)",
        );
        check("{{ values.port | nothing }}", "web.ini.j2:1:18: unknown filter: filter nothing is unknown");
        check(
            "{{ values. }}",
            "web.ini.j2:1:12: syntax error: unexpected end of variable block, expected identifier or integer",
        );
    }
}
