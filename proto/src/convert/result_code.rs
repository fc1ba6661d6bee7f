//! Results of changes and their codes.

use super::arguments::{Argument, coded_message};
use crate::v1;
use fleet_core::change_result::ChangeResult;

coded_message! {
    ChangeResult, ChangeResult, ChangeResultCode, incoming_change_result:
    Gone,
    Proven { backup, repository, host, took, checks },
    Restored { more, notes },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_result_of_each_code_comes_back_as_it_was() {
        let id = |digit: &str| digit.repeat(24).parse().expect("it is an id");
        let name = "central".parse().expect("it is a name");
        let host = "lab-1".parse().expect("it is a name");
        let took = Duration::from_millis(40_001);
        let notes = vec!["one".to_owned(), "two".to_owned()];
        let results = [
            ChangeResult::Gone,
            ChangeResult::Proven { backup: id("3"), repository: name, host, took, checks: 5 },
            ChangeResult::Restored { more: 2, notes },
        ];
        let codes = (1..1000).map_while(|number| v1::ChangeResultCode::try_from(number).ok());
        assert_eq!(codes.count(), results.len());
        for result in results {
            assert_eq!(incoming_change_result(result.clone().into()), Some(result));
        }
    }
}
