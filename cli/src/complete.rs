//! Completion in the shell: names come from the coordinator, within a second or not at all.

use crate::arguments::Fleet;
use crate::context::Context;
use crate::environment::Environment;
use crate::printer::Printer;
use crate::session::Session;
use clap::CommandFactory;
use clap_complete::{CompleteEnv, CompletionCandidate};
use fleet_core::command_error::CommandError;
use fleet_proto::v1::{
    HostLink, ListAppsRequest, ListHostsRequest, ListInstancesRequest, ListRolloutsRequest, ListTokensRequest,
};
use fleet_proto::words::word;
use fleet_render::Renderer;
use std::time::Duration;

/// Time that a person who pressed Tab waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers the shell and ends the process, when it is the shell that calls.
pub fn answer_the_shell() {
    CompleteEnv::with_factory(Fleet::command).completer("fleet").complete();
}

pub fn hosts() -> Vec<CompletionCandidate> {
    names(async |session| {
        let hosts = session.ask("list", async |mut c| c.list_hosts(ListHostsRequest::default()).await).await?.hosts;
        Ok(hosts.into_iter().map(|host| (host.name, word::<HostLink>(host.link))).collect())
    })
}

pub fn instances() -> Vec<CompletionCandidate> {
    names(async |session| {
        let request = ListInstancesRequest::default();
        let instances = session.ask("list", async |mut c| c.list_instances(request).await).await?.instances;
        let about = |host: &str, app: &str, version: &str| format!("{app}@{version} on {host}");
        Ok(instances.into_iter().map(|it| (it.name, about(&it.host, &it.app, &it.version))).collect())
    })
}

pub fn apps() -> Vec<CompletionCandidate> {
    names(async |session| {
        let apps = session.ask("list", async |mut c| c.list_apps(ListAppsRequest {}).await).await?.apps;
        Ok(apps.into_iter().map(|app| (app.name, app.title)).collect())
    })
}

/// Releases as `APP@VERSION`.
pub fn releases() -> Vec<CompletionCandidate> {
    names(async |session| {
        let apps = session.ask("list", async |mut c| c.list_apps(ListAppsRequest {}).await).await?.apps;
        let releases = apps.into_iter().flat_map(|app| app.releases);
        Ok(releases.map(|release| (format!("{}@{}", release.app, release.version), release.title)).collect())
    })
}

/// The versions of all apps.
pub fn versions() -> Vec<CompletionCandidate> {
    names(async |session| {
        let apps = session.ask("list", async |mut c| c.list_apps(ListAppsRequest {}).await).await?.apps;
        Ok(apps.into_iter().flat_map(|app| app.releases).map(|release| (release.version, release.app)).collect())
    })
}

pub fn rollouts() -> Vec<CompletionCandidate> {
    names(async |session| {
        let request = ListRolloutsRequest::default();
        let rollouts = session.ask("list", async |mut c| c.list_rollouts(request).await).await?.rollouts;
        Ok(rollouts.into_iter().map(|it| (it.id, format!("{} -> {}: {}", it.app, it.version, it.phase))).collect())
    })
}

pub fn tokens() -> Vec<CompletionCandidate> {
    names(async |session| {
        let tokens = session.ask("list", async |mut c| c.list_tokens(ListTokensRequest {}).await).await?.tokens;
        Ok(tokens.into_iter().map(|token| (token.id, token.subject)).collect())
    })
}

type Named = Vec<(String, String)>;

/// Returns names with their descriptions. Any failure gives no names, without a message.
fn names(question: impl AsyncFnOnce(&Session) -> Result<Named, CommandError>) -> Vec<CompletionCandidate> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let context = quiet_context();
    let asked = async {
        let session = context.session().await?;
        question(&session).await
    };
    let named = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
    let named = named.map(Result::unwrap_or_default).unwrap_or_default();
    let candidate = |(name, about): (String, String)| {
        let about = crate::format::one_line(&about);
        CompletionCandidate::new(crate::format::one_line(&name)).help((!about.is_empty()).then(|| about.into()))
    };
    named.into_iter().map(candidate).collect()
}

/// Returns a context without output.
fn quiet_context() -> Context {
    let Environment { folder, name, stdin, stdout, stderr, clock, worker, .. } = Environment::of_process();
    let printer = Printer::new(stdout, stderr, false).quiet(true);
    Context { printer, stdin, clock, home: folder, name, timeout: PATIENCE, renderer: Renderer::new(worker) }
}
