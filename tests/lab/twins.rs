//! Labs run in parallel on one machine, each with a network of its own, and each ends its own processes.

use fleet_tests::lab::Lab;
use fleet_tests::process::output;
use std::process::Command;

fn answers(registry: &str) -> bool {
    output(Command::new("curl").args(["-fsS", "--max-time", "5", &format!("http://{registry}/v2/")])).is_ok()
}

#[test]
fn labs_of_one_name_do_not_meet() -> anyhow::Result<()> {
    let (one, other) = (Lab::new("twin")?, Lab::new("twin")?);
    assert_ne!(one.registry(), other.registry());
    assert_ne!(one.server(1), other.server(1));
    let (gone, left) = (one.registry(), other.registry());
    assert!(answers(&gone) && answers(&left));
    drop(one);
    assert!(!answers(&gone) && answers(&left), "a lab ends its own registry only");
    other.fleet_ok(&["status"])?;
    Ok(())
}
