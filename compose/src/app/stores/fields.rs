//! Allowed and required fields of a store, by engine.

use super::StoreDeclaration;
use crate::store::EngineKind;

/// Returns the problems of the declared fields, each with its field.
pub fn check(store: &StoreDeclaration) -> Vec<(&'static str, String)> {
    let word = word(store.engine);
    let (may, must) = belonging(store.engine);
    let written = written(store);
    let strange = written.iter().filter(|field| !may.contains(field) && !must.contains(field));
    let strange = strange.map(|field| (*field, format!("a store of engine `{word}` has no `{field}`")));
    let missing = must.iter().filter(|field| !written.contains(field));
    let missing = missing.map(|field| ("", format!("a store of engine `{word}` needs `{field}`")));
    let mut wrong: Vec<_> = strange.chain(missing).collect();
    let sources = written.iter().filter(|field| FILES.contains(field)).count();
    if store.engine == EngineKind::Volume && sources != 1 {
        wrong.push((
            "",
            "a store of engine `volume` needs one of `volume`, `path`, `containers` and `image`".to_owned(),
        ));
    }
    wrong
}

/// The engine as it is written in app.yaml.
pub fn word(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Postgresql => "postgresql",
        EngineKind::Mongodb => "mongodb",
        EngineKind::Mariadb => "mariadb",
        EngineKind::Mysql => "mysql",
        EngineKind::Redis => "redis",
        EngineKind::Neo4j => "neo4j",
        EngineKind::Volume => "volume",
        EngineKind::S3 => "s3",
        EngineKind::Command => "command",
    }
}

const FILES: [&str; 4] = ["volume", "path", "containers", "image"];

/// The fields that a store of the engine may have, and those that it must have.
fn belonging(engine: EngineKind) -> (&'static [&'static str], &'static [&'static str]) {
    match engine {
        EngineKind::Postgresql | EngineKind::Mongodb | EngineKind::Mariadb | EngineKind::Mysql | EngineKind::Neo4j => {
            (&["database", "user", "password", "data"], &["service"])
        }
        EngineKind::Redis => (&["user", "password", "data"], &["service"]),
        EngineKind::Volume => (&FILES, &[]),
        EngineKind::S3 => (&["region", "prefix", "data"], &["endpoint", "bucket", "key_id", "key"]),
        EngineKind::Command => (&["count", "environment", "magic", "trailer"], &["service", "dump", "load"]),
    }
}

fn written(store: &StoreDeclaration) -> Vec<&'static str> {
    let fields = [
        ("service", store.service.is_some()),
        ("database", store.database.is_some()),
        ("user", store.user.is_some()),
        ("password", store.password.is_some()),
        ("data", store.data.is_some()),
        ("volume", store.volume.is_some()),
        ("path", store.path.is_some()),
        ("containers", store.containers.is_some()),
        ("image", store.image.is_some()),
        ("endpoint", store.endpoint.is_some()),
        ("region", store.region.is_some()),
        ("bucket", store.bucket.is_some()),
        ("prefix", store.prefix.is_some()),
        ("key_id", store.key_id.is_some()),
        ("key", store.key.is_some()),
        ("dump", !store.dump.is_empty()),
        ("load", !store.load.is_empty()),
        ("count", !store.count.is_empty()),
        ("environment", !store.environment.is_empty()),
        ("magic", store.magic.is_some()),
        ("trailer", store.trailer.is_some()),
    ];
    fields.into_iter().filter(|(_, is_written)| *is_written).map(|(field, _)| field).collect()
}
