//! Small pieces of text: ages, counts, sizes, and untrusted text made harmless.

pub use fleet_core::plain_text::{clean, one_line, readable};
use fleet_core::time::Time;
use std::time::Duration;

/// Cleans a log line but leaves its colours (SGR sequences), and ends them.
#[must_use]
pub fn clean_but_colours(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\x1b[") {
        cleaned.push_str(&clean(&rest[..start]));
        let length = colour_length(&rest[start..]);
        cleaned.push_str(&if length == 2 { clean("\x1b[") } else { rest[start..start + length].to_owned() });
        rest = &rest[start + length..];
    }
    cleaned.push_str(&clean(rest));
    if cleaned.contains('\x1b') {
        cleaned.push_str("\x1b[0m");
    }
    cleaned
}

/// The bytes of the SGR sequence that the text begins with; 2 if it is another sequence.
fn colour_length(text: &str) -> usize {
    let parameters = text[2..].chars().take_while(|c| c.is_ascii_digit() || *c == ';' || *c == ':').count();
    if text[2 + parameters..].starts_with('m') { parameters + 3 } else { 2 }
}

/// The beginning of a text that is too long, and a sign that there is more.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Returns the time since a moment, in its largest unit; `-` if there was none.
#[must_use]
pub fn age(now: Time, then_ms: u64) -> String {
    if then_ms == 0 { "-".to_owned() } else { short(now.since(Time(then_ms))) }
}

/// Returns the time until a moment; `passed` if it is over.
#[must_use]
pub fn until(now: Time, then_ms: u64) -> String {
    match then_ms {
        0 => "-".to_owned(),
        then if then <= now.0 => "passed".to_owned(),
        then => short(Time(then).since(now)),
    }
}

/// A length of time in its largest unit.
#[must_use]
pub fn short(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds @ 7200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// The moment in full, or `-`.
#[must_use]
pub fn moment(then_ms: u64) -> String {
    if then_ms == 0 { "-".to_owned() } else { Time(then_ms).to_string() }
}

/// The time of the day in UTC, for lines that follow each other.
#[must_use]
pub fn clock_time(now: Time) -> String {
    now.to_string().chars().skip(11).take(8).collect()
}

/// An amount of bytes with three digits or so; `-` where it is not known.
#[must_use]
pub fn bytes(amount: u64) -> String {
    let scales = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match scales.into_iter().find(|(_, bits)| amount >> bits > 0) {
        Some((unit, bits)) => format!("{}.{} {unit}", amount >> bits, ((amount >> (bits - 10)) % 1024) * 10 / 1024),
        None if amount == 0 => "-".to_owned(),
        None => format!("{amount} B"),
    }
}

/// Number of digits of a digest that are shown to people.
const SHORT_DIGEST: usize = 12;

/// A digest without `sha256:`, as people compare them.
#[must_use]
pub fn short_digest(digest: &str) -> String {
    digest.strip_prefix("sha256:").unwrap_or(digest).chars().take(SHORT_DIGEST).collect()
}

/// The text, or `-` where there is none.
#[must_use]
pub fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { one_line(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_keeps_its_colours_and_nothing_else() {
        assert_eq!(clean_but_colours("\x1b[1;31mred\x1b[2J"), "\x1b[1;31mred\\u001b[2J\x1b[0m");
        assert_eq!(clean_but_colours("\x1b[\x1b"), "\\u001b[\\u001b");
        assert_eq!(clean_but_colours("plain"), "plain");
    }

    #[test]
    fn an_age_has_one_unit() {
        let ages = [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172_800, "2d")];
        for (seconds, expect) in ages {
            assert_eq!(age(Time(seconds * 1000 + 1), 1), expect);
        }
        assert_eq!(age(Time(5), 0), "-");
        assert_eq!(until(Time(5000), 3000), "passed");
        assert_eq!(until(Time(5000), 15_000), "10s");
    }

    #[test]
    fn an_amount_of_bytes_is_rounded_down() {
        let amounts = [(0, "-"), (12, "12 B"), (1536, "1.5 KiB"), (20 << 30, "20.0 GiB"), (u64::MAX, "16777215.9 TiB")];
        for (amount, expect) in amounts {
            assert_eq!(bytes(amount), expect);
        }
    }
}
