//! An instance of its own for each test: described by a Compose file, removed at the end, also after a failure.

use super::images::{self, docker};
use fleet_agent::gate::{self, Waits};
use fleet_agent::runtime::{Containers, DockerRuntime, Limits, Notes, RuntimeError};
use fleet_core::app::{Bundle, CheckedValues, Placement, Rendered, render};
use fleet_core::health_problem::HealthProblem;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{FoundProject, Stage, Step, steps};
use fleet_core::time::Time;
use futures_util::future::try_join_all;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime};
use tempfile::TempDir;

pub struct Instance {
    pub project: String,
    pub runtime: DockerRuntime,
    pub folder: TempDir,
}

/// Returns an instance with unique names; none without an Engine.
pub fn instance() -> Option<Instance> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    if !images::is_engine_there() {
        return None;
    }
    images::prepare();
    let project = format!("ft{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let runtime = DockerRuntime::new(&images::engine(), Limits::default());
    Some(Instance { project, runtime, folder: tempfile::tempdir().expect("a folder can be made") })
}

impl Drop for Instance {
    fn drop(&mut self) {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let containers = said(&["ps", "-aq", "--filter", &label]);
        // An anonymous volume that has followed its service is one by name for the Engine, and would stay.
        let mounted = containers.iter().flat_map(|id| said(&["inspect", "--format", MOUNTED, id])).collect::<Vec<_>>();
        let networks = || said(&["network", "ls", "-q", "--filter", &label]);
        let volumes = || said(&["volume", "ls", "-q", "--filter", &label]);
        containers.iter().for_each(|id| drop(said(&["rm", "-f", "-v", id])));
        networks().iter().for_each(|id| drop(said(&["network", "rm", id])));
        mounted.into_iter().chain(volumes()).for_each(|name| drop(said(&["volume", "rm", "-f", &name])));
    }
}

const MOUNTED: &str = "{{range .Mounts}}{{if .Name}}{{.Name}} {{end}}{{end}}";

/// Runs the Docker client and returns its output, whether it succeeds or not.
fn said(words: &[&str]) -> Vec<String> {
    let output = std::process::Command::new("docker").args(words).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

impl Instance {
    /// The same with another way to the Engine.
    pub fn with_runtime(mut self, runtime: DockerRuntime) -> Self {
        self.runtime = runtime;
        self
    }

    pub fn name(&self, service: &str) -> String {
        format!("{}-{service}-1", self.project)
    }

    pub fn render(&self, compose: &str, files: &[(&str, &str)], health: &str) -> Rendered {
        let health = if health.is_empty() { "health: { minimum_healthy: 0s }" } else { health };
        let app = format!("app: tried\ncompose: docker-compose.yaml\n{health}\n");
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        let own = [("app.yaml", app.as_str()), ("docker-compose.yaml", compose)];
        let own = own.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let bundle = Bundle::new(own.into_iter().chain(files).collect::<BTreeMap<_, _>>()).expect("it is a bundle");
        let placement = Placement {
            instance: self.project.parse().expect("it is a name"),
            host: "lab-1".parse().expect("it is a name"),
            version: "1".parse().expect("it is a version"),
            working_dir: self.folder.path().display().to_string(),
        };
        let rendered = render(&bundle, &CheckedValues::default(), &placement);
        rendered.unwrap_or_else(|problems| panic!("the Compose file of this test is wrong: {problems}"))
    }

    pub fn spec(&self, compose: &str) -> InstanceSpec {
        self.render(compose, &[], "").spec
    }

    pub async fn look(&self, spec: &InstanceSpec) -> FoundProject {
        self.runtime.look(spec).await.expect("the Engine can be looked at")
    }

    /// Inspects the host, performs the needed steps, and returns their descriptions.
    pub async fn apply(&self, spec: &InstanceSpec) -> Result<Vec<String>, RuntimeError> {
        let stages = steps(&self.look(spec).await, spec);
        self.perform(spec, &stages).await?;
        Ok(stages.iter().flat_map(|stage| &stage.steps).map(ToString::to_string).collect())
    }

    pub async fn apply_well(&self, spec: &InstanceSpec) -> Vec<String> {
        self.apply(spec).await.expect("the spec can be applied")
    }

    pub async fn perform(&self, spec: &InstanceSpec, stages: &[Stage]) -> Result<(), RuntimeError> {
        for stage in stages {
            try_join_all(stage.steps.iter().map(|step| self.step(spec, step))).await?;
        }
        Ok(())
    }

    pub async fn step(&self, spec: &InstanceSpec, step: &Step) -> Result<(), RuntimeError> {
        let began = Instant::now();
        let end = self.runtime.perform(step, spec, &Notes::unheard()).await;
        eprintln!("{:>6} ms  {step}", began.elapsed().as_millis());
        end
    }

    pub async fn pass_gate(&self, rendered: &Rendered) -> Result<(), HealthProblem> {
        self.watch_gate(rendered).await.0
    }

    /// Its end, and the problems that it waited for.
    pub async fn watch_gate(&self, rendered: &Rendered) -> (Result<(), HealthProblem>, Vec<HealthProblem>) {
        let seen = Mutex::new(Vec::new());
        let waits = |waits| {
            eprintln!("waits: {waits:?}");
            if let Waits::Because(problem) = waits {
                seen.lock().expect("it is not poisoned").push(problem);
            }
        };
        let now = || {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
            Time(u64::try_from(since.as_millis()).expect("milliseconds fit"))
        };
        let passed = gate::pass(&self.runtime, &rendered.spec, &rendered.health, &now, &waits).await;
        (passed.map_err(|error| error.0), seen.into_inner().expect("it is not poisoned"))
    }

    /// The id of a service's container.
    pub fn id(&self, service: &str) -> String {
        docker(&["inspect", "--format", "{{.Id}}", &self.name(service)])
    }

    pub fn inspect(&self, service: &str, format: &str) -> String {
        docker(&["inspect", "--format", format, &self.name(service)])
    }
}

/// Returns a port without a listener.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}
