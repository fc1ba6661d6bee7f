//! Words of the pace and the limits of a rollout.

use fleet_proto::v1;

/// Returns a strategy in lines; nothing where there is none.
pub fn lines(strategy: Option<&v1::RolloutStrategy>) -> Vec<String> {
    let Some(strategy) = strategy else { return Vec::new() };
    let mut lines = Vec::new();
    if strategy.canary > 0 {
        lines.push(format!("{} goes first, alone", strategy.canary));
    }
    let requested = match strategy.at_once_percent {
        Some(percent) => format!("{percent}%"),
        None => strategy.at_once.to_string(),
    };
    lines.push(format!("then at most {} at once ({requested})", strategy.at_once));
    lines.push(format!("each wave is watched for {}", period(strategy.soak_ms)));
    lines.push(format!("halts when {} failed", strategy.max_failures));
    lines.extend(strategy.per.iter().map(|(label, most)| format!("at most {most} at a time per {label}")));
    if !strategy.window.is_empty() {
        lines.push(format!("only in {}", strategy.window));
    }
    lines.push(format!("one instance may take {}", period(strategy.deadline_ms)));
    lines
}

fn period(millis: u64) -> String {
    super::period(millis).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_strategy_has_a_line() {
        let strategy = v1::RolloutStrategy {
            canary: 1,
            at_once: 2,
            at_once_percent: Some(25),
            soak_ms: 30_000,
            max_failures: 1,
            per: [("site".to_owned(), 1)].into(),
            window: "22:00-04:00".to_owned(),
            deadline_ms: 600_000,
        };
        insta::assert_snapshot!(lines(Some(&strategy)).join("\n"), @r"
        1 goes first, alone
        then at most 2 at once (25%)
        each wave is watched for 30s
        halts when 1 failed
        at most 1 at a time per site
        only in 22:00-04:00
        one instance may take 10m
        ");
        let plain = v1::RolloutStrategy { at_once: 3, deadline_ms: u64::MAX, ..Default::default() };
        assert_eq!(lines(Some(&plain))[0], "then at most 3 at once (3)");
        assert_eq!(lines(None), Vec::<String>::new());
    }
}
