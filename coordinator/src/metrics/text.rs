//! Writes the text exposition format of Prometheus, version 0.0.4.

use std::fmt::Write;

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page that is being written, one family after the other.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a family of gauges; its samples follow.
    pub fn family<'a>(&'a mut self, name: &'static str, help: &str) -> Family<'a> {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        Family { name, page: &mut self.0 }
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// The samples of one name.
#[derive(Debug)]
pub struct Family<'a> {
    name: &'static str,
    page: &'a mut String,
}

impl Family<'_> {
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.page.push_str(self.name);
        for (number, (label, text)) in labels.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            let _ = write!(self.page, "{before}{label}=\"{}\"", escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.page, "{end} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Numbers as the format has them: the largest of ours are bytes, and exact up to eight thousand tebibytes.
#[allow(clippy::cast_precision_loss, reason = "a metric may be rounded")]
pub fn number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_line_or_a_text_is_escaped() {
        let mut page = Page::default();
        page.family("fleet_test", "one\\two\nthree").sample(&[("a", "x\"y"), ("b", "c\\d\n")], 1.5);
        page.family("fleet_none", "without labels").sample(&[], 12_345_678_901.0);
        let expect = "# HELP fleet_test one\\\\two\\nthree\n# TYPE fleet_test gauge\nfleet_test{a=\"x\\\"y\",b=\"c\\\\d\\n\"} 1.5\n\
                      # HELP fleet_none without labels\n# TYPE fleet_none gauge\nfleet_none 12345678901\n";
        assert_eq!(page.finish(), expect);
    }
}
