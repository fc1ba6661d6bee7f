//! Applying the same Compose file from nothing, and with one changed service, side by side with docker-compose 1.29 on
//! the same Engine: alternating rounds, medians, a ratio.

#![allow(clippy::print_stderr, reason = "a bench tells its story on stderr")]

use anyhow::Context;
use fleet_agent::runtime::{Containers, DEFAULT_SOCKET, DockerRuntime, Limits, Notes};
use fleet_core::app::{Bundle, CheckedValues, Placement, render};
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{Step, steps};
use fleet_tests::figure;
use fleet_tests::process::{output, text};
use futures_util::future::try_join_all;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const NAME: &str = "compose";
const ROUNDS: usize = 7;
const OURS: &str = "fleet-bench-ours";
const THEIRS: &str = "fleet-bench-theirs";

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let image = std::env::var("FLEET_BENCH_IMAGE").unwrap_or_else(|_| "debian:bookworm".to_owned());
    let engine = std::env::var("DOCKER_HOST").unwrap_or_else(|_| DEFAULT_SOCKET.to_owned());
    let runtime = DockerRuntime::new(&engine, Limits::default());
    clean();
    let mut times = Times::default();
    for round in 0..ROUNDS {
        let ours = || ours(&runtime, folder.path(), &image);
        let theirs = || theirs(folder.path(), &image);
        // The second one finds a warmer machine, so they alternate.
        let (us, them) = match round % 2 {
            0 => (ours().await?, theirs()?),
            _ => {
                let them = theirs()?;
                (ours().await?, them)
            }
        };
        eprintln!("round {round}: ours {us:.2?} s, docker-compose {them:.2?} s");
        times.note(us, them);
        clean();
    }
    times.print();
    Ok(())
}

/// Seconds from nothing, and with one changed service.
type Pair = [f64; 2];

#[derive(Default)]
struct Times {
    ours: [Vec<f64>; 2],
    theirs: [Vec<f64>; 2],
}

impl Times {
    fn note(&mut self, ours: Pair, theirs: Pair) {
        for part in 0..2 {
            self.ours[part].push(ours[part]);
            self.theirs[part].push(theirs[part]);
        }
    }

    fn print(mut self) {
        for (part, metric) in ["from_nothing", "one_changed"].into_iter().enumerate() {
            let (ours, theirs) = (figure::median(&mut self.ours[part]), figure::median(&mut self.theirs[part]));
            figure::plain(NAME, &format!("{metric}_fleet"), ours, "s");
            figure::plain(NAME, &format!("{metric}_docker_compose"), theirs, "s");
            figure::at_most(NAME, &format!("{metric}_ratio"), ours / theirs, "x", 0.5);
        }
    }
}

fn compose_file(image: &str, word: &str) -> String {
    format!(
        "version: '3.4'
x-all: &all
  image: {image}
  init: true
  command: sleep 3600
services:
  db:
    <<: *all
    volumes: ['data:/data']
  cache:
    <<: *all
  web:
    <<: *all
    environment: {{ WORD: {word} }}
    depends_on: [db, cache]
  worker:
    <<: *all
    depends_on: [db, cache]
volumes:
  data:
"
    )
}

async fn ours(runtime: &DockerRuntime, folder: &Path, image: &str) -> anyhow::Result<Pair> {
    let mut pair = [0.0; 2];
    for (part, word) in ["one", "two"].into_iter().enumerate() {
        let begin = Instant::now();
        apply(runtime, &spec(folder, &compose_file(image, word))?).await?;
        pair[part] = begin.elapsed().as_secs_f64();
    }
    Ok(pair)
}

fn spec(folder: &Path, compose: &str) -> anyhow::Result<InstanceSpec> {
    let files = [("app.yaml", "app: bench\ncompose: compose.yaml\n"), ("compose.yaml", compose)];
    let files: BTreeMap<_, _> = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into();
    let working_dir = text(&folder.join(OURS)).to_owned();
    fs::create_dir_all(&working_dir)?;
    let placement = Placement { instance: OURS.parse()?, host: "lab-1".parse()?, version: "1".parse()?, working_dir };
    Ok(render(&Bundle::new(files)?, &CheckedValues::default(), &placement)?.spec)
}

async fn apply(runtime: &DockerRuntime, spec: &InstanceSpec) -> anyhow::Result<()> {
    let found = runtime.look(spec).await?;
    let notes = Notes::unheard();
    for stage in steps(&found, spec) {
        // docker-compose passes no gate either.
        let steps = stage.steps.iter().filter(|step| !matches!(step, Step::Gate));
        let begin = Instant::now();
        try_join_all(steps.map(|step| runtime.perform(step, spec, &notes))).await?;
        if std::env::var_os("FLEET_BENCH_STEPS").is_some() {
            let texts: Vec<String> = stage.steps.iter().map(ToString::to_string).collect();
            eprintln!("  {:>5.0} ms  {}", begin.elapsed().as_secs_f64() * 1000.0, texts.join(", "));
        }
    }
    Ok(())
}

fn theirs(folder: &Path, image: &str) -> anyhow::Result<Pair> {
    let mut pair = [0.0; 2];
    let file = folder.join("compose.yaml");
    for (part, word) in ["one", "two"].into_iter().enumerate() {
        fs::write(&file, compose_file(image, word))?;
        let begin = Instant::now();
        let mut up = Command::new("docker-compose");
        output(up.args(["--project-name", THEIRS, "--file", text(&file), "up", "--detach"]))
            .context("docker-compose 1.29 is Debian's package docker-compose")?;
        pair[part] = begin.elapsed().as_secs_f64();
    }
    Ok(pair)
}

/// Removes everything that the bench made, and nothing else.
fn clean() {
    let parts: [(&[&str], &[&str]); 3] = [
        (&["ps", "--all", "--quiet"], &["rm", "--force", "--volumes"]),
        (&["volume", "ls", "--quiet"], &["volume", "rm"]),
        (&["network", "ls", "--quiet"], &["network", "rm"]),
    ];
    for project in [OURS, THEIRS] {
        let label = format!("label=com.docker.compose.project={project}");
        for (list, remove) in parts {
            let listed = output(Command::new("docker").args(list).args(["--filter", &label])).unwrap_or_default();
            let ids: Vec<&str> = listed.split_whitespace().collect();
            if !ids.is_empty() {
                output(Command::new("docker").args(remove).args(ids)).ok();
            }
        }
    }
}
