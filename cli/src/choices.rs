//! Parsers of options that take one of a few words of the protocol.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use fleet_proto::v1::{DriftRule, OperatorRole};

/// Returns the parser of `--drift`.
pub fn drift_rules() -> impl TypedValueParser<Value = DriftRule> {
    one_of([("heal", DriftRule::Heal), ("report", DriftRule::Report)])
}

/// Returns the parser of `--role`.
pub fn roles() -> impl TypedValueParser<Value = OperatorRole> {
    one_of([
        ("viewer", OperatorRole::Viewer),
        ("operator", OperatorRole::Operator),
        ("administrator", OperatorRole::Administrator),
    ])
}

fn one_of<const N: usize, E: Copy + Send + Sync + 'static>(
    choices: [(&'static str, E); N],
) -> impl TypedValueParser<Value = E> {
    PossibleValuesParser::new(choices.map(|(word, _)| word)).try_map(move |given| {
        let chosen = choices.iter().find(|(word, _)| *word == given);
        chosen.map(|(_, value)| *value).ok_or("it is none of the words")
    })
}
