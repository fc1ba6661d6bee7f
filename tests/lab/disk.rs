//! A lab server whose disk is too small for a new image says so, and goes on as it was.

use fleet_tests::lab::{Lab, list};
use fleet_tests::process::{output, text};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

/// The disk of the small server, and what the second version brings: packed it is small, and only unpacked too large.
const DISK: &str = "120m";
const BALLAST: u64 = 200 << 20;

const APP: &str = "app: sleeper
compose: compose.yaml
values: { registry: { type: string, required: true } }
health: { minimum_healthy: 500ms, deadline: 1m }
";

/// Two images in the registry of this machine; the engine here forgets them at the end.
struct Images(String);

impl Images {
    fn make() -> anyhow::Result<Self> {
        let registry = std::env::var("FLEET_TEST_REGISTRY")?;
        let images = Self(format!("{registry}/fleet-test-disk-{}", std::process::id()));
        for (version, ballast) in [(1, 0), (2, BALLAST)] {
            let root = tempfile::tempdir()?;
            fs::create_dir(root.path().join("bin"))?;
            fs::copy(busybox()?, root.path().join("bin/busybox"))?;
            symlink("busybox", root.path().join("bin/sleep"))?;
            File::create(root.path().join("ballast"))?.set_len(ballast)?;
            let image = format!("{}:{version}", images.0);
            import(root.path(), &image)?;
            output(Command::new("docker").args(["push", "--quiet", &image]))?;
        }
        Ok(images)
    }

    /// As lab servers call it, without the registry.
    fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        for version in [1, 2] {
            output(Command::new("docker").args(["image", "rm", &format!("{}:{version}", self.0)])).ok();
        }
    }
}

fn busybox() -> anyhow::Result<&'static Path> {
    let busybox = Path::new("/bin/busybox");
    if !busybox.exists() {
        output(Command::new("apt-get").args(["install", "-y", "-q", "busybox-static"]))?;
    }
    Ok(busybox)
}

/// Through a pipe: the ballast is never written here.
fn import(root: &Path, image: &str) -> anyhow::Result<()> {
    let mut tar = Command::new("tar").args(["-C", text(root), "-c", "."]).stdout(Stdio::piped()).spawn()?;
    let mut import = Command::new("docker");
    import.args(["import", "--change", "CMD [\"/bin/sleep\", \"infinity\"]", "-", image]);
    let packed = tar.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let imported = import.stdin(packed).stdout(Stdio::null()).status()?;
    anyhow::ensure!(tar.wait()?.success() && imported.success(), "could not make the image {image}");
    Ok(())
}

/// The second version has a network more, so that it would show if it was begun.
fn push(lab: &Lab, images: &Images, version: u32) -> anyhow::Result<()> {
    let networks = if version == 2 { ", networks: [lan] } }\nnetworks: { lan: }" } else { " } }" };
    let image = format!("${{REGISTRY}}{}:{version}", images.name());
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("app.yaml"), APP)?;
    fs::write(
        folder.path().join("compose.yaml"),
        format!("services: {{ web: {{ image: '{image}', init: true{networks}\n"),
    )?;
    let registry = format!("registry={}/", lab.registry());
    lab.fleet_ok(&["app", "push", text(folder.path()), "--version", &version.to_string(), "--set", &registry])?;
    Ok(())
}

fn install(lab: &Lab, number: u8, name: &str) -> anyhow::Result<()> {
    let (host, registry) = (format!("lab-{number}"), format!("registry={}/", lab.registry()));
    lab.fleet_ok(&["install", "sleeper@1", "--host", &host, "--name", name, "--set", &registry])?;
    lab.until_instance(name, "1", "healthy")
}

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
    let images = Images::make()?;
    lab.add_server_with_disk(1, DISK)?;
    lab.add_server(2, &[])?;
    push(&lab, &images, 1)?;
    push(&lab, &images, 2)?;
    for (number, name) in [(1, "small-1"), (1, "small-2"), (2, "large-1")] {
        install(&lab, number, name)?;
    }
    let (before, neighbour) = (everything(&lab, 1)?, instance(&lab, "small-2")?);

    let options = ["--version", "2", "--canary", "0", "--at-once", "2", "--max-failures", "1", "--soak", "0s", "--yes"];
    let said = lab.fleet(&[&["rollout"], &options[..]].concat())?;

    assert_eq!(said.status, 1, "{}{}", said.stdout, said.stderr);
    let image = format!("{}/{}:2", lab.registry(), images.name());
    let expect = format!("small-1 went back to 1: no space left on this host's disk: could not pull {image}; see `df`");
    assert!(said.stderr.contains(&expect), "`{expect}` should be in: {}", said.stderr);
    assert!(said.stderr.contains("`docker system df`"), "{}", said.stderr);
    lab.until_instance("small-1", "1", "healthy")?;
    assert_eq!(everything(&lab, 1)?, before, "nothing was touched, and nothing half done is left");
    let now = instance(&lab, "small-2")?;
    assert_eq!((&now["health"], &now["containers"]), (&neighbour["health"], &neighbour["containers"]));
    // Whose disk is large enough is not held up by whose is not.
    lab.until_instance("large-1", "2", "healthy")
}
