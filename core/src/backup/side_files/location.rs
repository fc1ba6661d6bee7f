//! Location of a server's data folder: the volume or folder of the host, and the path below it.

use crate::backup::{DatabaseEngine, Files, Store};
use crate::spec::{ContainerSpec, InstanceSpec, MountSource};
use std::collections::BTreeSet;

/// A volume or folder of the host, and the way from its root to the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataPlace {
    /// A store of files that is this volume or folder.
    pub root: Store,
    /// Empty where the root itself is the data folder.
    pub below: String,
    /// The folder's path in the container.
    pub folder: String,
}

/// Finds the location of a folder in the container of a store's server; none if it is in no named volume or folder.
pub fn data_place(store: &Store, spec: &InstanceSpec, folder: &str) -> Option<DataPlace> {
    let container = spec.container(store.engine.service()?)?;
    let folder = folder.trim_end_matches('/');
    let holding = container.mounts.iter().filter_map(|mount| Some((relative(folder, &mount.target)?, mount)));
    let (below, mount) = holding.min_by_key(|(below, _)| below.len())?;
    let files = match &mount.source {
        MountSource::Volume(name) => Files::Volume(name.clone()),
        MountSource::Bind { path, .. } => Files::Path(path.clone()),
        MountSource::Anonymous | MountSource::Tmpfs { .. } => return None,
    };
    let root = Store { engine: DatabaseEngine::Volume(files), checks: Vec::new(), ..store.clone() };
    Some(DataPlace { root, below, folder: folder.to_owned() })
}

/// The way from a folder to a path in it; none where the path leads out of it.
pub fn relative(path: &str, folder: &str) -> Option<String> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let names: Vec<&str> = rest.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    (!names.contains(&"..")).then(|| names.join("/"))
}

/// Options of the servers that name a log.
const LOG_OPTIONS: [&str; 8] = [
    "logfile",
    "logpath",
    "log-error",
    "log_error",
    "slow-query-log-file",
    "slow_query_log_file",
    "general-log-file",
    "general_log_file",
];

/// Paths in a folder that the command or the environment of a service names.
pub fn mentioned(container: &ContainerSpec, folder: &str) -> BTreeSet<String> {
    texts(container).into_iter().filter_map(|text| below(text, folder)).collect()
}

/// Returns the log files that the container names with the option in front of them.
pub fn mentioned_logs(container: &ContainerSpec, folder: &str) -> BTreeSet<String> {
    let texts = texts(container);
    let pairs = texts.iter().zip(texts.iter().skip(1));
    let logs = pairs.filter(|(option, _)| LOG_OPTIONS.contains(&option.trim_start_matches('-')));
    logs.filter_map(|(_, path)| below(path, folder)).collect()
}

fn below(text: &str, folder: &str) -> Option<String> {
    relative(text, folder).filter(|path| !path.is_empty())
}

fn texts(container: &ContainerSpec) -> Vec<&str> {
    let words = container.command.iter().chain(&container.entrypoint).flatten().chain(container.environment.values());
    let ends = |c: char| c.is_whitespace() || matches!(c, '=' | ',' | ';' | ':' | '"' | '\'' | '(' | ')');
    words.flat_map(|word| word.expose().split(ends)).filter(|text| !text.is_empty()).collect()
}
