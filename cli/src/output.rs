//! Lists and single things as tables, JSON, YAML or names.

use crate::context::Context;
use crate::format::{cut, one_line};
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use fleet_core::command_error::CommandError;
use fleet_core::time::Time;
use serde::Serialize;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people; times are ages
    #[default]
    Table,
    /// A table with all columns
    Wide,
    /// The coordinator's own words; times are milliseconds since 1970
    Json,
    /// The same as JSON, in YAML
    Yaml,
    /// Names only, one a line
    Name,
}

#[derive(Debug, Clone, Copy, Default, Args)]
pub struct OutputArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
}

/// A column of a table.
pub struct Column<T> {
    pub title: &'static str,
    /// True if it is shown only by `-o wide`.
    pub is_wide: bool,
    pub text: fn(&T, Time) -> String,
}

impl<T> Column<T> {
    pub const fn new(title: &'static str, text: fn(&T, Time) -> String) -> Self {
        Self { title, is_wide: false, text }
    }

    pub const fn wide(title: &'static str, text: fn(&T, Time) -> String) -> Self {
        Self { title, is_wide: true, text }
    }
}

/// The columns of a list, and the name of each of its things.
pub type ListColumns<'a, T> = (&'a [Column<T>], fn(&T) -> String);

/// Prints a list, or `none` if it is empty.
pub fn show_list<T: Serialize>(
    context: &Context,
    format: Format,
    items: &[T],
    look: ListColumns<'_, T>,
    none: &str,
) -> Result<(), CommandError> {
    let (columns, name) = look;
    match format {
        Format::Json | Format::Yaml => return show_data(context, format, &items),
        Format::Name => return items.iter().try_for_each(|item| context.printer.answer(name(item))),
        Format::Table | Format::Wide => {}
    }
    if items.is_empty() {
        context.printer.story(none);
        return Ok(());
    }
    table(items, columns, format, context.now()).iter().try_for_each(|line| context.printer.answer(line.as_str()))
}

/// Prints one item: its lines for people, its data, or its name.
pub fn show_one<T: Serialize>(
    context: &Context,
    format: Format,
    item: &T,
    look: (impl FnOnce(&T) -> Vec<String>, &str),
) -> Result<(), CommandError> {
    let (lines, name) = look;
    match format {
        Format::Json | Format::Yaml => show_data(context, format, item),
        Format::Name => context.printer.answer(name),
        Format::Table | Format::Wide => lines(item).iter().try_for_each(|line| context.printer.answer(line.as_str())),
    }
}

fn show_data(context: &Context, format: Format, data: &impl Serialize) -> Result<(), CommandError> {
    let failed = |error: &dyn std::error::Error| CommandError::refused("could not write the answer").because(error);
    let text = match format {
        Format::Yaml => serde_saphyr::to_string(data).map_err(|error| failed(&error))?,
        Format::Json | Format::Table | Format::Wide | Format::Name => {
            serde_json::to_string_pretty(data).map_err(|error| failed(&error))?
        }
    };
    context.printer.answer_data(&text)
}

/// Maximum number of characters of a cell, except with `-o wide`.
const CELL: usize = 64;

/// The lines of a table without borders, the titles first.
pub fn table<T>(items: &[T], columns: &[Column<T>], format: Format, now: Time) -> Vec<String> {
    let shown: Vec<&Column<T>> = columns.iter().filter(|column| !column.is_wide || format == Format::Wide).collect();
    let cell = |column: &Column<T>, item: &T| match format {
        Format::Wide => one_line(&(column.text)(item, now)),
        Format::Table | Format::Json | Format::Yaml | Format::Name => cut(&one_line(&(column.text)(item, now)), CELL),
    };
    let rows = items.iter().map(|item| shown.iter().map(|column| cell(column, item)).collect());
    grid(shown.iter().map(|column| column.title.to_owned()).collect(), rows.collect())
}

/// Rows in columns of even width, two spaces apart.
pub fn grid(titles: Vec<String>, rows: Vec<Vec<String>>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if !titles.is_empty() {
        table.set_header(titles);
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}
