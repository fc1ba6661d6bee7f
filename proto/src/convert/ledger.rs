//! Problems of ledgers and faults of names, and their codes.

use super::arguments::{Argument, coded_message};
use super::bounded;
use crate::v1;
use fleet_core::ledger_problem::LedgerProblem;
use fleet_core::name_fault::NameFault;

coded_message! {
    LedgerProblem, LedgerProblem, LedgerProblemCode, incoming_ledger_problem:
    Other { text },
    Unreadable { path, cause },
    NoFormat { path },
    OtherFormat { path, found, known },
    InUse { path },
    NoGoal,
}

const CHARACTERS: &str = "characters";
const RESERVED: &str = "reserved";

impl Argument for NameFault {
    fn put(self, to: &mut Vec<String>) {
        to.push(match self {
            Self::Other { text } => text,
            Self::Characters => CHARACTERS.to_owned(),
            Self::Reserved => RESERVED.to_owned(),
        });
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let text = from.next()?;
        Some(match text.as_str() {
            CHARACTERS => Self::Characters,
            RESERVED => Self::Reserved,
            _words => Self::other(bounded(text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::incoming_failure;
    use fleet_core::order_failure::OrderFailure;

    #[test]
    fn a_problem_of_each_code_comes_back_as_it_was() {
        let path = || "/ledger/a.json".to_owned();
        let all = [
            LedgerProblem::other("words"),
            LedgerProblem::Unreadable { path: path(), cause: "no".to_owned() },
            LedgerProblem::NoFormat { path: path() },
            LedgerProblem::OtherFormat { path: path(), found: 3, known: 2 },
            LedgerProblem::InUse { path: path() },
            LedgerProblem::NoGoal,
        ];
        let codes = (1..10_000).filter_map(|number| v1::LedgerProblemCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for problem in all {
            assert_eq!(incoming_ledger_problem(problem.clone().into()), Some(problem.clone()));
            let failure = OrderFailure::LedgerUnreadable { problem };
            assert_eq!(incoming_failure(Some(failure.clone().into())), failure);
        }
    }

    #[test]
    fn a_fault_of_a_name_comes_back_as_it_was() {
        for problem in [NameFault::Characters, NameFault::Reserved, NameFault::other("no name")] {
            let failure = OrderFailure::InvalidName { name: "host".to_owned(), problem };
            assert_eq!(incoming_failure(Some(failure.clone().into())), failure);
        }
    }
}
