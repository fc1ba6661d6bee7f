//! Words of problems of an agent's ledger.

use fleet_core::ledger_problem::LedgerProblem;
use fleet_proto::convert::incoming_ledger_problem;
use fleet_proto::v1;

/// Returns the words of a problem as it came over the wire.
pub fn shown(message: &v1::LedgerProblem) -> String {
    let known = incoming_ledger_problem(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::LedgerProblemCode>("a problem", message.code, &message.arguments))
}

/// Returns the words of a problem.
pub fn words(problem: &LedgerProblem) -> String {
    let unreadable = |path: &str, cause: &str| format!("`{path}` of the host's ledger cannot be read: {cause}");
    match problem {
        LedgerProblem::Other { text } => text.clone(),
        LedgerProblem::Unreadable { path, cause } => unreadable(path, cause),
        LedgerProblem::NoFormat { path } => unreadable(path, "it does not say its format"),
        LedgerProblem::OtherFormat { path, found, known } => {
            let cause = format!("it has format {found}, and the host's fleet-agent knows {known}: upgrade fleet-agent");
            unreadable(path, &cause)
        }
        LedgerProblem::InUse { path } => format!("another fleet-agent is running on `{path}`"),
        LedgerProblem::NoGoal => "the host's ledger does not say what the instance shall become".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_with_what_an_operator_can_do() {
        let problem = LedgerProblem::OtherFormat { path: "/ledger/a.json".to_owned(), found: 3, known: 2 };
        assert_eq!(
            words(&problem),
            "`/ledger/a.json` of the host's ledger cannot be read: it has format 3, and the host's fleet-agent knows 2: upgrade fleet-agent"
        );
    }
}
