//! The coordinator of a fleet, which can be stopped, dropped and started again on its folder.

use super::{now, worker};
use crate::port::Port;
use crate::process::wait_until;
use fleet_coordinator::home::{Home, HomeError, Settings};
use fleet_coordinator::identity::write_private;
use fleet_coordinator::serve::{Config, Options, Running, serve};
use fleet_coordinator::store::Batch;
use fleet_core::access::JoinToken;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Lifetime of its certificates unless a story sets another.
const LIFE: Duration = Duration::from_secs(3600);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A coordinator with its folder.
#[derive(Debug)]
pub struct Server {
    /// Address that agents and operators use.
    pub address: SocketAddr,
    /// Held for as long as the coordinator may be started again.
    _port: Port,
    folder: PathBuf,
    running: Option<(Runtime, Running)>,
}

impl Server {
    /// Makes a coordinator and serves it; the token is its first administrator's.
    pub fn init(folder: &Path) -> (Self, JoinToken) {
        let port = Port::claim().expect("a port is free");
        let address = port.address();
        let settings = Settings {
            addresses: vec![address.to_string()],
            listen: address,
            certificate_seconds: LIFE.as_secs(),
            created: now(),
        };
        let runtime = threads();
        let (home, token) = runtime.block_on(Home::init(folder, settings)).expect("the folder is empty");
        runtime.block_on(back_up(&home));
        let running =
            runtime.block_on(serve(Config { home, listen: address, options: options() })).expect("the port is free");
        (Self { address, _port: port, folder: folder.to_owned(), running: Some((runtime, running)) }, token)
    }

    /// Returns the coordinator's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens the folder a second time, as another coordinator would.
    pub fn open_again(&self) -> Result<Home, HomeError> {
        Home::open(&self.folder)
    }

    /// Stops it cleanly.
    pub fn stop(&mut self) {
        if let Some((runtime, running)) = self.running.take() {
            runtime.block_on(running.shutdown()).expect("it stops in order");
        }
    }

    /// Ends it like `kill -9`: every task is dropped at its present point.
    pub fn crash(&mut self) {
        if let Some((runtime, running)) = self.running.take() {
            drop(running);
            runtime.shutdown_timeout(STOP_LIMIT);
        }
    }

    /// Starts to serve.
    pub fn start(&mut self) {
        self.start_with_life(LIFE);
    }

    /// Starts to serve again with this lifetime of new certificates.
    pub fn start_with_life(&mut self, life: Duration) {
        let runtime = threads();
        // A dropped coordinator releases the store a moment later.
        let home = wait_until("the folder to be free", STOP_LIMIT, || Home::open(&self.folder).ok());
        let mut home = home.expect("nobody else serves this folder");
        home.settings.certificate_seconds = life.as_secs();
        let listen = self.address;
        let running =
            runtime.block_on(serve(Config { home, listen, options: options() })).expect("the port is free again");
        self.running = Some((runtime, running));
    }

    /// Stops and starts again.
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((runtime, _)) = self.running.take() {
            runtime.shutdown_background();
        }
    }
}

fn options() -> Options {
    Options { worker: Some(worker()), ..Options::default() }
}

/// Lets it have backed itself up a moment ago: no story is about that, and who is not backed up needs a person.
async fn back_up(home: &Home) {
    let place = json!({ "folder": { "path": home.path.join("own-backups") } });
    let own = json!({ "place": place, "master_key": "{}", "every_seconds": 86_400, "keep": 14 });
    write_private(&home.path.join("own-backup.json"), own.to_string().as_bytes()).expect("there is room");
    let mut batch = Batch::new();
    batch.put("own-backup", &json!({ "at": now(), "failure": null }));
    home.store.commit(batch).await.expect("the store is whole");
}

fn threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads can be made")
}
