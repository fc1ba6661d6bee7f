//! A store of an instance: a database or a set of files, with everything that its tools need.
//!
//! **Invariant:** a store is complete: app.yaml's defaults and the instance's values are filled in, and secrets are
//! only in [`Text`]s that hide them.

mod check;
mod pattern;
mod rebuild;

pub use check::{Check, CheckError, DatabaseQuestion, Expected};
pub use pattern::{is_pattern, matches_pattern};
pub use rebuild::Rebuild;

use crate::spec::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Store of an instance: one database, or one set of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// Engine with its settings.
    pub engine: DatabaseEngine,
    /// Truth, or derivable from it.
    pub kind: StoreKind,
    /// Services that are stopped while it is dumped, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Services that are frozen while it is dumped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pause: Vec<String>,
    /// Checks that must pass after it was restored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

/// Engine of a store, without its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// PostgreSQL.
    Postgresql,
    /// MongoDB.
    Mongodb,
    /// MariaDB.
    Mariadb,
    /// MySQL.
    Mysql,
    /// Redis.
    Redis,
    /// Neo4j.
    Neo4j,
    /// Files of volumes or folders.
    Volume,
    /// Bucket of an S3 server.
    S3,
    /// Commands of the app's own.
    Command,
}

/// Role of a store's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// The only place of its data, so it is backed up.
    Truth,
    /// Can be rebuilt from the others, so it is not backed up.
    Derivable,
}

/// Engine of a store, with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseEngine {
    /// PostgreSQL.
    Postgresql(Server),
    /// MongoDB.
    Mongodb(Server),
    /// MariaDB.
    Mariadb(Server),
    /// MySQL.
    Mysql(Server),
    /// Redis.
    Redis(Server),
    /// Neo4j.
    Neo4j(Server),
    /// Files of volumes or folders.
    Volume(Files),
    /// Bucket of an S3 server.
    S3(Bucket),
    /// Commands of the app's own.
    Command(Commands),
}

/// A database server in one of the instance's containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Compose service whose container has the server.
    pub service: String,
    /// Name of the database; all of the server's databases if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// User of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Password of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Text>,
    /// The folder in the container in which the server keeps its data.
    pub data: String,
}

/// Files of the host: volumes or folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Files {
    /// Volumes by their names in the Compose file or at the Engine; `*` and `?` match any characters.
    Volume(String),
    /// A folder that is mounted from the host.
    Path(String),
    /// The volumes of containers by their names: those that only hold data, and come and go.
    Containers(String),
    /// The volumes of containers by their images.
    Image(String),
}

/// Objects of an S3 service's bucket below a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// `http://` or `https://`, a host, and a port where it is not the usual one.
    pub endpoint: String,
    /// The service of the instance that the endpoint's host is, if it is one: it is reached at its container's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Folder in its container in which that service stores its buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Region of the bucket.
    pub region: String,
    /// Name of the bucket.
    pub bucket: String,
    /// Path in the bucket; empty for the whole bucket.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Id of the access key.
    pub key_id: Text,
    /// Access key.
    pub key: Text,
}

/// Commands that write the store to a stream and read it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commands {
    /// Compose service in whose container the commands run.
    pub service: String,
    /// Command that writes the store to its standard output.
    pub dump: Vec<String>,
    /// Command that reads the store from its standard input.
    pub load: Vec<String>,
    /// Prints lines of a name, a tab and a number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub count: Vec<String>,
    /// Environment of its own, including passwords.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, Text>,
    /// First bytes of the stream, if they are fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub magic: Option<String>,
    /// Last bytes of the stream, if they are fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trailer: Option<String>,
}

impl DatabaseEngine {
    /// Returns the engine without its settings.
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Postgresql(_) => EngineKind::Postgresql,
            Self::Mongodb(_) => EngineKind::Mongodb,
            Self::Mariadb(_) => EngineKind::Mariadb,
            Self::Mysql(_) => EngineKind::Mysql,
            Self::Redis(_) => EngineKind::Redis,
            Self::Neo4j(_) => EngineKind::Neo4j,
            Self::Volume(_) => EngineKind::Volume,
            Self::S3(_) => EngineKind::S3,
            Self::Command(_) => EngineKind::Command,
        }
    }

    /// The service in whose container its tools run.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Command(commands) => Some(&commands.service),
            Self::S3(bucket) => bucket.service.as_deref(),
            Self::Volume(_) => None,
            Self::Postgresql(_)
            | Self::Mongodb(_)
            | Self::Mariadb(_)
            | Self::Mysql(_)
            | Self::Redis(_)
            | Self::Neo4j(_) => self.server().map(|server| server.service.as_str()),
        }
    }

    /// Returns the server, for engines that have one.
    pub fn server(&self) -> Option<&Server> {
        match self {
            Self::Postgresql(server)
            | Self::Mongodb(server)
            | Self::Mariadb(server)
            | Self::Mysql(server)
            | Self::Redis(server)
            | Self::Neo4j(server) => Some(server),
            Self::Volume(_) | Self::S3(_) | Self::Command(_) => None,
        }
    }
}

impl Bucket {
    /// The host and the port of the endpoint.
    pub fn authority(&self) -> Option<(&str, u16)> {
        Self::authority_of(&self.endpoint)
    }

    /// The host and the port of any endpoint.
    pub fn authority_of(endpoint: &str) -> Option<(&str, u16)> {
        let (rest, usual) = match endpoint.strip_prefix("https://") {
            Some(rest) => (rest, 443),
            None => (endpoint.strip_prefix("http://")?, 80),
        };
        let rest = rest.trim_end_matches('/');
        let is_plain = |text: &str| !text.is_empty() && !text.contains(['/', '@', '?', '#', ' ']);
        match rest.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
            Some((host, port)) => Some((host, port.parse().ok()?)).filter(|(host, _)| is_plain(host)),
            None => Some((rest, usual)).filter(|(host, _)| is_plain(host)),
        }
    }

    /// Returns its location, for people.
    pub fn place(&self) -> String {
        let whole =
            format!("{}/{}/{}", self.endpoint.trim_end_matches('/'), self.bucket, self.prefix.trim_matches('/'));
        whole.trim_end_matches('/').to_owned()
    }
}

impl Store {
    /// The bucket, if it is one.
    pub fn bucket(&self) -> Option<&Bucket> {
        match &self.engine {
            DatabaseEngine::S3(bucket) => Some(bucket),
            DatabaseEngine::Postgresql(_)
            | DatabaseEngine::Mongodb(_)
            | DatabaseEngine::Mariadb(_)
            | DatabaseEngine::Mysql(_)
            | DatabaseEngine::Redis(_)
            | DatabaseEngine::Neo4j(_)
            | DatabaseEngine::Volume(_)
            | DatabaseEngine::Command(_) => None,
        }
    }

    /// Returns true for a store that is backed up.
    pub fn is_truth(&self) -> bool {
        self.kind == StoreKind::Truth
    }
}
