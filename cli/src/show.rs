//! Layout: converts the coordinator's answers to lines of text. Nothing here sends requests or prints.

pub mod backups;
pub mod explanation;
pub mod hosts;
pub mod instances;
pub mod members;
pub mod proposal;
pub mod releases;
pub mod rollouts;
pub mod status;
pub mod upgrades;

use crate::format::one_line;

/// Returns lines of `name  value` with aligned values; empty values are left out.
pub fn pairs(pairs: &[(&str, String)]) -> Vec<String> {
    let shown: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = shown.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    shown.iter().map(|(name, value)| format!("{name:width$}  {}", one_line(value))).collect()
}

/// A heading with lines below it, or nothing when there are none.
pub fn section(heading: &str, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        return lines;
    }
    let indented = lines.into_iter().map(|line| format!("  {line}"));
    [String::new(), heading.to_owned()].into_iter().chain(indented).collect()
}
