//! A lab server whose disk is too small for a new image reports this, and stays as it was.

use crate::sleeper::{Sleeper, install};
use fleet_tests::lab::{Lab, list};
use serde_json::Value;

/// Size of the small server's disk. The second version is small when packed, and only too large unpacked.
const DISK: &str = "120m";
const BALLAST: u64 = 200 << 20;

/// All containers with when they started, all networks and volumes.
fn everything(lab: &Lab, number: u8) -> anyhow::Result<String> {
    let containers = "docker inspect --format '{{.Id}} {{.Name}} {{.State.StartedAt}}' $(docker ps -aq)";
    lab.on_server(number, &format!("{containers}; docker network ls -q; docker volume ls -q"))
}

fn instance(lab: &Lab, name: &str) -> anyhow::Result<Value> {
    let said = lab.json(&["instance", "ls", "-o", "json"])?;
    let found = list(&said, "instances").iter().find(|found| found["name"] == name);
    Ok(found.cloned().unwrap_or_default())
}

#[test]
fn a_full_disk_while_pulling_leaves_everything_as_it_was() -> anyhow::Result<()> {
    let lab = Lab::new("disk")?;
    let sleeper = Sleeper::new("disk", &[0, BALLAST])?;
    lab.add_server_with_disk(1, DISK)?;
    lab.add_server(2, &[])?;
    sleeper.push(&lab, 1, "", "")?;
    // It has one more network, whose existence would show that the change has begun.
    sleeper.push(&lab, 2, ", networks: [lan]", "networks: { lan: }")?;
    let registry = format!("registry={}/", lab.registry());
    for (host, name) in [("lab-1", "small-1"), ("lab-1", "small-2"), ("lab-2", "large-1")] {
        lab.fleet_ok(&install("sleeper@1", host, name, &registry))?;
        lab.until_instance(name, "1", "healthy")?;
    }
    let (before, neighbour) = (everything(&lab, 1)?, instance(&lab, "small-2")?);

    let options = ["--version", "2", "--canary", "0", "--at-once", "2", "--max-failures", "1", "--soak", "0s", "--yes"];
    let said = lab.fleet(&[&["rollout"], &options[..]].concat())?;

    assert_eq!(said.status, 1, "{}{}", said.stdout, said.stderr);
    let image = format!("{}/{}", lab.registry(), sleeper.image(2));
    let expect =
        format!("small-1 was rolled back to 1: no space left on the host's disk: could not pull {image}; see `df`");
    assert!(said.stderr.contains(&expect), "`{expect}` should be in: {}", said.stderr);
    assert!(said.stderr.contains("`docker system df`"), "{}", said.stderr);
    lab.until_instance("small-1", "1", "healthy")?;
    assert_eq!(everything(&lab, 1)?, before, "nothing was touched, and nothing half done is left");
    let now = instance(&lab, "small-2")?;
    assert_eq!((&now["health"], &now["containers"]), (&neighbour["health"], &neighbour["containers"]));
    // A host with a large enough disk does not wait for one without.
    lab.until_instance("large-1", "2", "healthy")
}
