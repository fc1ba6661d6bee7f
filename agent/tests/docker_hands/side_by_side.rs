//! Independent requests to the Engine run in parallel.

use super::images::{ONE, docker, engine};
use super::instance::{Instance, instance};
use fleet_agent::runtime::{DockerRuntime, Limits};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Time after which a waiting party counts as alone.
const PATIENCE: Duration = Duration::from_secs(20);

/// Requests that wait at the door until as many of their kind are there; who never comes is never answered for.
struct Door {
    creations: Barrier,
    starts: Barrier,
}

impl Door {
    fn barrier(&self, request: &[u8]) -> Option<&Barrier> {
        let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default());
        let is_of_pair = line.contains("-db-1") || line.contains("-cache-1");
        let is = |part: &str| line.starts_with("POST ") && is_of_pair && line.contains(part);
        match () {
            () if is("/containers/create?") => Some(&self.creations),
            () if is("/start ") => Some(&self.starts),
            () => None,
        }
    }

    /// Passes one connection on to the Engine. A request whose companion does not come is dropped with it.
    async fn pass(&self, client: UnixStream) {
        let socket = engine();
        let socket = socket.strip_prefix("unix://").unwrap_or(&socket);
        let Ok(engine) = UnixStream::connect(socket).await else { return };
        let ((mut from_client, mut to_client), (mut from_engine, mut to_engine)) =
            (client.into_split(), engine.into_split());
        let there = async {
            let mut bytes = vec![0; 64 << 10];
            while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
                if let Some(barrier) = self.barrier(&bytes[..count])
                    && tokio::time::timeout(PATIENCE, barrier.wait()).await.is_err()
                {
                    return;
                }
                if to_engine.write_all(&bytes[..count]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = there => {}
            _ = tokio::io::copy(&mut from_engine, &mut to_client) => {}
        }
    }
}

/// Container runtime whose connection to the Engine passes the proxy.
fn behind_door(it: Instance, socket: &Path) -> (Instance, JoinSet<()>) {
    let door = Arc::new(Door { creations: Barrier::new(2), starts: Barrier::new(2) });
    let listener = UnixListener::bind(socket).expect("a socket can be made");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let door = Arc::clone(&door);
            connections.spawn(async move { door.pass(client).await });
        }
    });
    let runtime = DockerRuntime::new(&format!("unix://{}", socket.display()), Limits::default());
    (it.with_runtime(runtime), tasks)
}

#[tokio::test]
async fn services_that_need_nothing_of_each_other_are_made_and_started_side_by_side() {
    let Some(it) = instance() else { return };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (it, _door) = behind_door(it, &folder.path().join("door.sock"));
    let compose = format!(
        "services:\n  \
           db: {{ image: {ONE}, init: true, volumes: ['data:/data'] }}\n  \
           cache: {{ image: {ONE}, init: true }}\n  \
           web: {{ image: {ONE}, init: true, depends_on: [db, cache] }}\n\
         volumes: {{ data: }}\n"
    );
    // Were one of the pair answered before the other is asked, neither would be.
    it.apply_well(&it.spec(&compose)).await;
    assert_eq!(docker(&["inspect", "--format", "{{.State.Running}}", &it.name("web")]), "true");
}
