//! Pulls from a real registry, and its digest of an image.

use super::images::{ONE, TWO, docker, engine, run, succeeds};
use super::instance::{Instance, free_port, instance};
use fleet_agent::runtime::{Containers, DockerRuntime, ImageRegistry, Limits, Note, Notes, Resolved, RuntimeError};
use fleet_core::event::HostEvent;
use fleet_core::steps::Step;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Debian's docker-registry on a port of its own.
struct Registry {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry {
    fn start() -> Self {
        if !succeeds("docker-registry", &["--version"]) {
            run("apt-get", &["install", "-y", "-q", "docker-registry"]);
        }
        let (folder, port) = (tempfile::tempdir().expect("a folder can be made"), free_port());
        let config = folder.path().join("config.yml");
        let images = folder.path().join("images");
        let text = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\n\
             http: {{ addr: '127.0.0.1:{port}' }}\n",
            images.display()
        );
        std::fs::write(&config, text).expect("a file can be written");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the registry can be started");
        let registry = Self { process, port, folder };
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        registry
    }

    fn name(&self, image: &str) -> String {
        format!("127.0.0.1:{}/{image}", self.port)
    }

    /// Puts an image there, and takes the name of it from this host.
    fn push(&self, from: &str, image: &str) -> String {
        let name = self.name(image);
        docker(&["tag", from, &name]);
        docker(&["push", "-q", &name]);
        docker(&["rmi", &name]);
        name
    }
}

fn forget(image: &str) {
    let _ = Command::new("docker").args(["rmi", image]).output();
}

async fn pull(it: &Instance, image: &str) -> Result<Vec<Note>, RuntimeError> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let notes = Notes::to(move |note| listener.lock().expect("nobody panicked").push(note));
    let spec = it.spec(&format!("services:\n  web: {{ image: '{image}' }}\n"));
    it.runtime.perform(&Step::Pull { image: image.to_owned() }, &spec, &notes).await?;
    let heard = heard.lock().expect("nobody panicked");
    Ok(heard.clone())
}

#[tokio::test]
async fn a_pinned_image_is_pulled_by_its_digest_and_found_again() {
    let Some(it) = instance() else { return };
    let registry = Registry::start();
    let name = registry.push(TWO, "notes:1");
    let Resolved::InRegistry(digest) = it.runtime.resolve(&name).await.expect("the registry answers") else {
        panic!("the image is in the registry")
    };
    // The tag moves on; who pinned still gets the same.
    registry.push(ONE, "notes:1");
    let pinned = format!("{name}@{digest}");
    let spec = it.spec(&format!("services:\n  web: {{ image: '{pinned}', init: true }}\n"));
    let did = it.apply_well(&spec).await;
    assert_eq!(did[0], format!("pull {pinned}"));
    assert_eq!(docker(&["exec", &it.name("web"), "cat", "/version"]), "2");
    assert_eq!(it.apply_well(&spec).await, Vec::<String>::new());
    docker(&["rm", "-f", &it.name("web")]);
    forget(&format!("{}@{digest}", registry.name("notes")));
}

#[tokio::test]
async fn an_image_that_does_not_exist_is_said_to() {
    let Some(it) = instance() else { return };
    let registry = Registry::start();
    let name = registry.name("nothing:1");
    let error = pull(&it, &name).await.expect_err("there is no such image");
    assert_eq!(error.to_string(), format!("the image `{name}` does not exist"));
    let error = it.runtime.resolve(&name).await.expect_err("there is no such image");
    assert_eq!(error.to_string(), format!("the image `{name}` does not exist"));
}

#[tokio::test]
async fn a_tag_that_cannot_be_pulled_but_is_here_is_used_and_said() {
    let Some(it) = instance() else { return };
    let name = "127.0.0.1:1/fleet-test/local:1";
    docker(&["tag", ONE, name]);
    let notes = pull(&it, name).await;
    let resolved = it.runtime.resolve(name).await;
    forget(name);
    let said = notes.expect("the local image is used").pop();
    assert!(
        matches!(&said, Some(Note::Event(event)) if matches!(**event, HostEvent::ImageNotPulled { .. })),
        "{said:?}"
    );
    assert!(matches!(resolved, Ok(Resolved::OnlyHere(_))), "{resolved:?}");
}

#[tokio::test]
async fn a_pull_says_how_far_it_is() {
    let Some(it) = instance() else { return };
    let registry = Registry::start();
    let name = registry.push(ONE, "notes:1");
    // Layers that exist here are not pulled, so the image has unique bytes.
    let tar = registry.folder.path().join("bytes");
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    std::fs::write(&tar, bytes).expect("a file can be written");
    let folder = registry.folder.path().display().to_string();
    let own = format!("fleet-test-bytes:{}", std::process::id());
    run("sh", &["-c", &format!("tar -C {folder} -c bytes | docker import - {own}")]);
    let big = registry.push(&own, "big:1");
    forget(&own);
    let notes = pull(&it, &big).await.expect("it can be pulled");
    forget(&big);
    forget(&name);
    let most = notes.iter().filter_map(|note| match note {
        Note::Bytes { done, .. } => Some(*done),
        Note::Event(_) => None,
    });
    assert!(most.max().is_some_and(|most| most > 1_000_000), "{notes:?}");
}

#[tokio::test]
async fn a_registry_that_hangs_is_given_up() {
    let Some(it) = instance() else { return };
    // It accepts connections and sends nothing.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let limits = Limits { pull_silence: Duration::from_secs(2), registry: Duration::from_secs(2), ..Limits::default() };
    let runtime = DockerRuntime::new(&engine(), limits);
    let image = format!("127.0.0.1:{port}/web:1");
    let spec = it.spec(&format!("services:\n  web: {{ image: '{image}' }}\n"));
    let step = Step::Pull { image: image.clone() };
    let error = runtime.perform(&step, &spec, &Notes::unheard()).await.expect_err("nobody answers");
    let expect = format!("the registry of `{image}` does not answer: nothing came for 2 s");
    assert_eq!(error.to_string(), expect);
    let error = runtime.resolve(&image).await.expect_err("nobody answers");
    assert_eq!(error.to_string(), expect);
}
