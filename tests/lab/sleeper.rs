//! A small app of one service that sleeps, with images made here.

use fleet_tests::lab::Lab;
use fleet_tests::process::{output, text};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

const APP: &str = "app: sleeper
compose: compose.yaml
values: { registry: { type: string, required: true } }
health: { minimum_healthy: 500ms, deadline: 1m }
";

/// The image's versions in the registry of this machine; the engine here forgets them at the end.
pub struct Sleeper {
    image: String,
    versions: Vec<u32>,
}

impl Sleeper {
    /// An image for each of the ballasts, numbered from 1: as many bytes of zeros, which are small as long as they are packed.
    pub fn new(name: &str, ballasts: &[u64]) -> anyhow::Result<Self> {
        let registry = std::env::var("FLEET_TEST_REGISTRY")?;
        let image = format!("{registry}/fleet-test-{name}-{}", std::process::id());
        let mut sleeper = Self { image, versions: Vec::new() };
        for (version, ballast) in (1..).zip(ballasts) {
            let root = tempfile::tempdir()?;
            fs::create_dir(root.path().join("bin"))?;
            fs::copy(busybox()?, root.path().join("bin/busybox"))?;
            symlink("busybox", root.path().join("bin/sleep"))?;
            File::create(root.path().join("ballast"))?.set_len(*ballast)?;
            let image = sleeper.here(version);
            import(root.path(), &image)?;
            sleeper.versions.push(version);
            output(Command::new("docker").args(["push", "--quiet", &image]))?;
        }
        Ok(sleeper)
    }

    fn here(&self, version: u32) -> String {
        format!("{}:{version}", self.image)
    }

    /// As lab servers call it, without the registry.
    pub fn image(&self, version: u32) -> String {
        self.here(version).rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// Pushes a version of the app; `rest` is added to the service in its Compose file, `parts` beside it.
    pub fn push(&self, lab: &Lab, version: u32, rest: &str, parts: &str) -> anyhow::Result<()> {
        let image = format!("${{REGISTRY}}{}", self.image(if self.versions.contains(&version) { version } else { 1 }));
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("app.yaml"), APP)?;
        let compose = format!("services: {{ web: {{ image: '{image}', init: true{rest} }} }}\n{parts}\n");
        fs::write(folder.path().join("compose.yaml"), compose)?;
        let registry = format!("registry={}/", lab.registry());
        lab.fleet_ok(&["app", "push", text(folder.path()), "--version", &version.to_string(), "--set", &registry])?;
        Ok(())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        for version in &self.versions {
            output(Command::new("docker").args(["image", "rm", &self.here(*version)])).ok();
        }
    }
}

/// Returns the arguments that install a version on a lab server.
pub fn install<'a>(release: &'a str, host: &'a str, name: &'a str, registry: &'a str) -> [&'a str; 8] {
    ["install", release, "--host", host, "--name", name, "--set", registry]
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
