//! Converts declared stores to the stores of one instance: values and defaults are filled in, and contradictions are
//! reported.

use super::reading::Reading;
use super::{PasswordDeclaration, STORE_LIMIT, StoreDeclaration, fields};
use crate::app::template::Texts;
use crate::app::yaml::problem_at;
use crate::compose::Problems;
use crate::guess::closest;
use crate::names::StoreName;
use crate::paths::{normal, normal_absolute};
use crate::spec::{InstanceSpec, Text};
use crate::store::{Bucket, Commands, DatabaseEngine, EngineKind, Files, Server, Store};
use std::collections::BTreeMap;

/// The stores of one instance, or all that is wrong with them; `bytes` are those of app.yaml.
pub fn resolve(
    declared: &BTreeMap<StoreName, StoreDeclaration>,
    bytes: &[u8],
    texts: &Texts,
    spec: &InstanceSpec,
) -> Result<BTreeMap<StoreName, Store>, Problems> {
    if declared.len() > STORE_LIMIT {
        let text = format!("there are {} stores; {STORE_LIMIT} are allowed", declared.len());
        return Err(problem_at(bytes, "stores", text).into());
    }
    let mut problems = Problems::default();
    let mut stores = BTreeMap::new();
    for (name, declaration) in declared {
        let mut reading = Reading { name, declaration, bytes, texts, spec, problems: Problems::default() };
        if let Some(store) = reading.store() {
            stores.insert(name.clone(), store);
        }
        problems.extend(reading.problems);
    }
    problems.or(stores)
}

impl Reading<'_> {
    fn store(&mut self) -> Option<Store> {
        let wrong = fields::check(self.declaration);
        wrong.iter().for_each(|(field, text)| self.wrong(field, text));
        for (field, services) in [("stop", &self.declaration.stop), ("pause", &self.declaration.pause)] {
            services.iter().for_each(|service| self.expect_service(field, service));
        }
        if let Some(both) = self.declaration.stop.iter().find(|service| self.declaration.pause.contains(service)) {
            self.wrong("pause", &format!("`{both}` cannot be both stopped and paused"));
        }
        if !self.problems.is_empty() {
            return None;
        }
        let engine = self.engine();
        let checks = self.checks();
        let mut stop = self.declaration.stop.clone();
        // Neo4j is dumped while it is down.
        if let DatabaseEngine::Neo4j(server) = &engine
            && !stop.contains(&server.service)
        {
            stop.push(server.service.clone());
        }
        let pause = self.declaration.pause.iter().filter(|service| !stop.contains(service)).cloned().collect();
        let store = Store { engine, kind: self.declaration.kind, stop, pause, checks };
        self.problems.is_empty().then_some(store)
    }

    fn engine(&mut self) -> DatabaseEngine {
        match self.declaration.engine {
            EngineKind::Postgresql => {
                let user = self.or_variable(&["POSTGRES_USER"]).unwrap_or_else(|| "postgres".to_owned());
                let database = self.or_variable(&["POSTGRES_DB"]).unwrap_or_else(|| user.clone());
                DatabaseEngine::Postgresql(self.server(
                    "/var/lib/postgresql",
                    user,
                    Some(database),
                    &["POSTGRES_PASSWORD"],
                ))
            }
            EngineKind::Mongodb => {
                let user = self.or_variable(&["MONGO_INITDB_ROOT_USERNAME"]);
                DatabaseEngine::Mongodb(self.server("/data/db", user, None, &["MONGO_INITDB_ROOT_PASSWORD"]))
            }
            EngineKind::Mariadb => DatabaseEngine::Mariadb(self.sql_server()),
            EngineKind::Mysql => DatabaseEngine::Mysql(self.sql_server()),
            EngineKind::Redis => DatabaseEngine::Redis(self.server("/data", None, None, &["REDIS_PASSWORD"])),
            EngineKind::Neo4j => {
                let auth = self.or_variable(&["NEO4J_AUTH"]).filter(|auth| auth.contains('/'));
                let user = auth.and_then(|auth| auth.split_once('/').map(|(user, _)| user.to_owned()));
                let mut server = self.server("/data", user, Some("neo4j".to_owned()), &["NEO4J_AUTH"]);
                server.password = server.password.map(|text| after_slash(&text));
                DatabaseEngine::Neo4j(server)
            }
            EngineKind::Volume => DatabaseEngine::Volume(self.files()),
            EngineKind::S3 => DatabaseEngine::S3(self.bucket()),
            EngineKind::Command => DatabaseEngine::Command(self.commands()),
        }
    }

    /// MariaDB's and MySQL's images know their settings under two names.
    fn sql_server(&mut self) -> Server {
        let database = self.or_variable(&["MARIADB_DATABASE", "MYSQL_DATABASE"]);
        let passwords = ["MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"];
        let server = self.server("/var/lib/mysql", "root".to_owned(), database, &passwords);
        if server.database.is_none() {
            self.wrong("", "which `database`? the service's environment names none");
        }
        server
    }

    /// Returns a server; settings that app.yaml does not mention come from its image's own variables.
    fn server(
        &mut self,
        data: &str,
        user: impl Into<Option<String>>,
        database: Option<String>,
        passwords: &[&str],
    ) -> Server {
        let service = self.service();
        let said = self.plain("user", self.declaration.user.as_deref());
        let password = self.password(passwords, said.is_some());
        let data = self.declaration.data.clone().unwrap_or_else(|| data.to_owned());
        if normal_absolute(&data).is_none() {
            self.wrong("data", &format!("`{data}` is not an absolute path"));
        }
        Server {
            service,
            database: self.plain("database", self.declaration.database.as_deref()).or(database),
            user: said.or_else(|| user.into()),
            password,
            data,
        }
    }

    fn password(&mut self, defaults: &[&str], is_own_user: bool) -> Option<Text> {
        match &self.declaration.password {
            Some(PasswordDeclaration::Env(name)) => {
                let found = self.variable(name);
                if found.is_none() {
                    let service = self.declaration.service.clone().unwrap_or_default();
                    self.wrong("password", &format!("`{service}` has no variable `{name}` in the Compose file"));
                }
                found.map(|text| Text::secret(text.expose()))
            }
            Some(PasswordDeclaration::Value(source)) => {
                let text = self.text("password", source)?;
                Some(Text::secret(text.expose()))
            }
            // The image's variables are about the image's user.
            None if is_own_user && self.declaration.engine != EngineKind::Postgresql => None,
            None => defaults.iter().find_map(|name| self.variable(name)).map(|text| Text::secret(text.expose())),
        }
    }

    fn files(&mut self) -> Files {
        let declaration = self.declaration;
        let mut plain = |field: &str, text: &Option<String>| self.plain(field, text.as_deref());
        if let Some(path) = plain("path", &declaration.path) {
            let inside =
                path.strip_prefix("./").and_then(normal).map(|inside| format!("{}/{inside}", self.spec.working_dir));
            let found = inside.or_else(|| normal_absolute(&path));
            if found.is_none() {
                self.wrong("path", &format!("`{path}` is neither an absolute path nor one that begins with `./`"));
            }
            return Files::Path(found.unwrap_or(path));
        }
        if let Some(containers) = plain("containers", &declaration.containers) {
            return Files::Containers(containers);
        }
        if let Some(image) = plain("image", &declaration.image) {
            return Files::Image(image);
        }
        let volume = plain("volume", &declaration.volume).unwrap_or_default();
        let is_there = |volume: &str| self.spec.volumes.iter().any(|it| it.key == volume || it.name == volume);
        if !volume.contains(['*', '?']) && !is_there(&volume) {
            let known = self.spec.volumes.iter().map(|it| it.key.as_str());
            let meant = closest(&volume, known).map(|it| format!("did you mean `{it}`?"));
            self.wrong_with("volume", &format!("the Compose file has no volume `{volume}`"), meant);
        }
        Files::Volume(volume)
    }

    fn bucket(&mut self) -> Bucket {
        let declaration = self.declaration;
        let mut plain = |field: &str, text: &Option<String>| self.plain(field, text.as_deref()).unwrap_or_default();
        let endpoint = plain("endpoint", &declaration.endpoint);
        let region = plain("region", &declaration.region);
        let bucket = plain("bucket", &declaration.bucket);
        let prefix = plain("prefix", &declaration.prefix);
        let mut secret = |field: &str, text: &Option<String>| {
            let text = self.text(field, text.as_deref().unwrap_or_default());
            Text::secret(text.as_ref().map(Text::expose).unwrap_or_default())
        };
        let (key_id, key) = (secret("key_id", &declaration.key_id), secret("key", &declaration.key));
        let region = if region.is_empty() { "us-east-1".to_owned() } else { region };
        let (service, data) = (None, declaration.data.clone());
        let mut found = Bucket { endpoint, service, data, region, bucket, prefix, key_id, key };
        self.check_bucket(&found);
        let host = found.authority().map(|(host, _)| host.to_owned());
        found.service = host.filter(|host| self.spec.container(host).is_some());
        if found.service.is_none() && found.data.is_some() {
            self.wrong("data", "only a service of the instance has a folder for what is in its buckets");
        }
        found
    }

    fn check_bucket(&mut self, found: &Bucket) {
        if found.authority().is_none() {
            let text = format!("`{}` is not `http://` or `https://` with a host and a port", found.endpoint);
            self.wrong("endpoint", &text);
        }
        // Rules of S3; a name with a slash would be a path in another bucket.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if !(3..=63).contains(&found.bucket.len()) || !found.bucket.bytes().all(is_name) {
            self.wrong(
                "bucket",
                &format!("`{}` is no name of a bucket: 3 to 63 letters, digits, `.`, `-` and `_`", found.bucket),
            );
        }
        let prefix = found.prefix.trim_matches('/');
        if found.prefix.len() > 512 || (!prefix.is_empty() && normal(prefix).as_deref() != Some(prefix)) {
            self.wrong("prefix", &format!("`{}` is not the path of a folder", found.prefix));
        }
        if let Some(data) = found.data.as_ref().filter(|data| normal_absolute(data).is_none()) {
            self.wrong("data", &format!("`{data}` is not an absolute path"));
        }
    }

    fn commands(&mut self) -> Commands {
        let declaration = self.declaration;
        let mut words = |field: &str, words: &[String]| -> Vec<String> {
            words.iter().filter_map(|word| self.plain(field, Some(word))).collect()
        };
        let (dump, load) = (words("dump", &declaration.dump), words("load", &declaration.load));
        let count = words("count", &declaration.count);
        let mut environment = BTreeMap::new();
        for (name, source) in &declaration.environment {
            if let Some(text) = self.text(&format!("environment.{name}"), source) {
                environment.insert(name.clone(), text);
            }
        }
        let (magic, trailer) = (declaration.magic.clone(), declaration.trailer.clone());
        Commands { service: self.service(), dump, load, count, environment, magic, trailer }
    }
}

/// `neo4j/password` is how Neo4j's image has both in one variable.
fn after_slash(text: &Text) -> Text {
    let whole = text.expose();
    text.with(whole.split_once('/').map_or(whole, |(_, password)| password))
}
