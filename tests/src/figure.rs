//! A measured figure, printed on one line: `NAME METRIC VALUE UNIT LIMIT ok|over`.

#![allow(clippy::print_stdout, reason = "the line is the answer of a bench")]

/// Prints a figure that should be at most `limit`.
pub fn at_most(name: &str, metric: &str, value: f64, unit: &str, limit: f64) {
    let verdict = if value <= limit { "ok" } else { "over" };
    println!("{name} {metric} {value:.3} {unit} {limit} {verdict}");
}

/// Prints a figure that has no limit, for the reader to compare.
pub fn plain(name: &str, metric: &str, value: f64, unit: &str) {
    println!("{name} {metric} {value:.3} {unit} - ok");
}

/// Returns the value below which the share `q` of the values lies; 0 without values.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let place = (last as f64 * q).round() as usize;
    values.get(place).copied().unwrap_or_default()
}

/// The middle value.
pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let mut values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!(median(&mut values), 3.0);
        assert_eq!(quantile(&mut values, 1.0), 5.0);
        assert_eq!(quantile(&mut [], 0.5), 0.0);
    }
}
