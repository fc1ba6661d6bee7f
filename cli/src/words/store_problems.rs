//! Words of reasons why work on a store is not possible. The store is named before them.

use super::failures;
use fleet_core::order_failure::StoreProblem;
use fleet_proto::convert::incoming_store_problem;
use fleet_proto::v1;

/// Returns the words of a problem as it came over the wire.
pub fn shown(message: &v1::StoreProblem) -> String {
    let known = incoming_store_problem(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::StoreProblemCode>("a problem", message.code, &message.arguments))
}

/// Returns the words of a problem.
pub fn words(problem: &StoreProblem) -> String {
    match problem {
        StoreProblem::Other { text } => text.clone(),
        StoreProblem::NoDumpTool => "no tool is known that dumps it".to_owned(),
        StoreProblem::NoLoadTool => "no tool is known that loads it".to_owned(),
        StoreProblem::NoValidator => "no check is known for its dump".to_owned(),
        StoreProblem::NotABucket => "it is not a bucket".to_owned(),
        StoreProblem::NotCounted { failure } => format!("it could not be counted: {}", failures::words(failure)),
        StoreProblem::NotAsked { failure } => format!("its server could not be asked: {}", failures::words(failure)),
        StoreProblem::NotCountable => "no tool is known that counts it".to_owned(),
        StoreProblem::NotAmongCounted { item } => {
            format!("`{item}` is not among the items that its counter lists (of very many, it lists the first by name)")
        }
        StoreProblem::CountUnreadable { answer } => {
            format!("its count has a line that is not a name and a number: `{answer}`")
        }
        StoreProblem::AnswerUnreadable { answer } => {
            format!("the answer of its server has a line that cannot be read: `{answer}`")
        }
        StoreProblem::OtherAnswer { question, answer, expected } => {
            format!("{question}: the answer is `{answer}`, and `{expected}` is expected")
        }
        StoreProblem::TooSmallAnswer { question, answer, least } => {
            format!("{question}: the answer is `{answer}`, and at least {least} is expected")
        }
        StoreProblem::NotRenamable { path } => format!("`{path}` cannot be renamed, and so cannot be replaced"),
        StoreProblem::NotAFolder { path } => format!("`{path}` is not a folder"),
        StoreProblem::Mounted { path, mounted } => {
            format!(
                "`{path}` cannot be moved aside, because `{mounted}` is mounted there; unmount it, or restore to another instance"
            )
        }
        StoreProblem::LeadsElsewhere { path } => format!("`{path}` leads to another folder than when it was checked"),
        StoreProblem::SameFolder { one, other, path } => format!("`{one}` and `{other}` would both go into `{path}`"),
        StoreProblem::SharedFolder { path } => {
            format!(
                "it keeps data in `{path}`, too, which would be lost: restore both stores, or restore to another instance"
            )
        }
        StoreProblem::NoTarget { name } => format!("the host has no folder or volume `{name}` to restore into"),
        StoreProblem::VolumeNotTaken { name } => {
            format!("the backup has the volume `{name}`, which is not part of the store any more")
        }
        StoreProblem::NoVolumeModel { name } => {
            format!("the volume `{name}` cannot be made: the instance has no other volume with its labels")
        }
        StoreProblem::DataWithoutName => {
            "its data is in no volume or folder with a name, so that it could not be put back".to_owned()
        }
        StoreProblem::FolderWithoutName => {
            "the files beside its dump are in no volume or folder with a name".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::failed_step::ToolTask;
    use fleet_core::order_failure::OrderFailure;

    #[test]
    fn a_problem_is_told_after_the_name_of_its_store() {
        let text = str::to_owned;
        let failed = OrderFailure::ToolFailed {
            tool: ToolTask::Query(text("db")),
            code: 2,
            output: text("relation `notes` does not exist"),
        };
        let all = [
            StoreProblem::NotCounted { failure: Box::new(failed) },
            StoreProblem::OtherAnswer { question: text("select 1"), answer: text("2"), expected: text("1") },
            StoreProblem::TooSmallAnswer { question: text("select 2"), answer: text("1"), least: 2 },
            StoreProblem::Mounted { path: text("/srv/a"), mounted: text("/srv/a/b") },
            StoreProblem::SharedFolder { path: text("/srv/a") },
            StoreProblem::NoTarget { name: text("/srv/a") },
        ];
        let in_store = |problem: &StoreProblem| {
            let failure = Box::new(OrderFailure::StoreUnusable { problem: problem.clone() });
            failures::words(&OrderFailure::InStore { store: text("db"), failure })
        };
        insta::assert_snapshot!(all.iter().map(in_store).collect::<Vec<_>>().join("\n"), @r"
        the store `db`: it could not be counted: the query in `db` exited with code 2: relation `notes` does not exist
        the store `db`: select 1: the answer is `2`, and `1` is expected
        the store `db`: select 2: the answer is `1`, and at least 2 is expected
        the store `db`: `/srv/a` cannot be moved aside, because `/srv/a/b` is mounted there; unmount it, or restore to another instance
        the store `db`: it keeps data in `/srv/a`, too, which would be lost: restore both stores, or restore to another instance
        the store `db`: the host has no folder or volume `/srv/a` to restore into
        ");
    }
}
