//! A coordinator with memory and without a planner, behind the real port: mTLS, one CA, a token to join.

use crate::authority::Authority;
use crate::desk::Desk;
use crate::environment::NOW;
use crate::port::Port;
use crate::safe::Safe;
use crate::scene::Scene;
use fleet_core::access::JoinToken;
use fleet_core::hint::LinkHint;
use fleet_core::refused_call::{AdmissionRefusal, Attempt};
use fleet_proto::refusal::refuse;
use fleet_proto::v1::backups_server::BackupsServer;
use fleet_proto::v1::identity_server::{Identity, IdentityServer};
use fleet_proto::v1::join_server::{Join, JoinServer};
use fleet_proto::v1::operators_server::OperatorsServer;
use fleet_proto::v1::{AdmitRequest, Certificate, RenewRequest};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use tokio::sync::oneshot;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate as Pem, Identity as Keys, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

pub type Shared = Arc<Mutex<Scene>>;

pub struct Fake {
    pub token: JoinToken,
    scene: Shared,
    stop: Option<oneshot::Sender<()>>,
    served: Option<thread::JoinHandle<()>>,
}

impl Fake {
    pub fn start(scene: Scene) -> Self {
        let authority = Arc::new(Authority::new());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("a listener can be made so");
        let address = listener.local_addr().expect("it has an address").to_string();
        let token = JoinToken { address, ca_fingerprint: authority.fingerprint(), secret: [7; 32] };
        let scene = Arc::new(Mutex::new(scene));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&scene);
        let served = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(serve(listener, authority, shared, stopped));
        });
        Self { token, scene, stop: Some(stop), served: Some(served) }
    }

    pub fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().expect("nobody panicked")
    }

    /// Returns the requests since the last call, without their callers.
    pub fn heard(&self) -> String {
        let heard = std::mem::take(&mut self.scene().heard);
        heard.into_iter().filter(|question| !question.starts_with("WhoAmI")).collect::<Vec<_>>().join("\n")
    }

    /// The ids of the requests that were agreed to.
    pub fn request_ids(&self) -> Vec<String> {
        self.scene().request_ids.clone()
    }

    /// Goes away for good.
    pub fn end(&mut self) {
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            served.join().expect("it ended well");
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(listener: TcpListener, authority: Arc<Authority>, scene: Shared, stopped: oneshot::Receiver<()>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("it is a listener");
    let (chain, key) = authority.server();
    let tls = ServerTlsConfig::new()
        .identity(Keys::from_pem(chain, key))
        .client_ca_root(Pem::from_pem(authority.pem()))
        .client_auth_optional(true);
    let gate = Gate { authority, scene: Arc::clone(&scene) };
    let port = Port {
        join: JoinServer::new(gate.clone()),
        identity: IdentityServer::new(gate),
        operators: OperatorsServer::new(Desk(Arc::clone(&scene))),
        backups: BackupsServer::new(Safe(scene)),
    };
    let serving = Server::builder()
        .tls_config(tls)
        .expect("the certificates are good")
        .serve_with_incoming(port, TcpListenerStream::new(listener));
    tokio::select! {
        served = serving => served.expect("it serves"),
        _ = stopped => {}
    }
}

#[derive(Clone)]
pub struct Gate {
    authority: Arc<Authority>,
    scene: Shared,
}

impl Gate {
    fn certificate(&self, request: &[u8]) -> Response<Certificate> {
        let subject = self.scene.lock().expect("nobody panicked").subject.clone();
        let subject = if subject.is_empty() { "operator:ada".to_owned() } else { subject };
        let chain = vec![self.authority.sign(request, &subject), self.authority.der()];
        Response::new(Certificate { chain, subject, not_after_ms: NOW + 86_400_000 })
    }
}

#[tonic::async_trait]
impl Join for Gate {
    async fn admit(&self, request: Request<AdmitRequest>) -> Result<Response<Certificate>, Status> {
        let request = request.into_inner();
        if request.secret != [7; 32] {
            return Err(refuse(Attempt::Join, AdmissionRefusal::TokenUnknown, LinkHint::CopyToken));
        }
        Ok(self.certificate(&request.signing_request))
    }
}

#[tonic::async_trait]
impl Identity for Gate {
    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<Certificate>, Status> {
        self.scene.lock().expect("nobody panicked").heard.push("Renew".to_owned());
        Ok(self.certificate(&request.into_inner().signing_request))
    }
}

/// Makes a fake coordinator with an operator who has logged in.
pub fn logged_in(scene: Scene) -> (Fake, crate::environment::TestEnvironment) {
    let fake = Fake::start(scene);
    let environment = crate::environment::TestEnvironment::new();
    let output = environment.run(&format!("fleet login {}", fake.token)).done();
    assert!(output.ends_with("as ada (administrator)\n"), "{output}");
    fake.heard();
    (fake, environment)
}
