//! The recovery sheet of one repository: how its data comes back when nothing of ours is left.
//!
//! Its commands need stock restic and the databases' own tools. They are on lines of their own, indented by four.

use super::{EngineKind, Kept, Manifest, Part, Secret};
use crate::names::{InstanceName, RepositoryName};
use crate::time::Time;
use std::fmt::Write;

/// Subject of a recovery sheet.
#[derive(Debug, Clone)]
pub struct RecoverySheet<'a> {
    /// Name of the repository.
    pub repository: &'a RepositoryName,
    /// Name of the instance.
    pub instance: &'a InstanceName,
    /// Location in restic's notation.
    pub place: &'a str,
    /// On which machine, in words.
    pub machine: &'a str,
    /// Password of the repository.
    pub password: &'a Secret,
    /// Credentials of its bucket, if it is in one.
    pub bucket: Option<(&'a str, &'a Secret)>,
    /// The newest backup; none where there is none, or where it could not be read.
    pub newest: Option<&'a Manifest>,
    /// Time at which it is written.
    pub written: Time,
}

impl RecoverySheet<'_> {
    /// Returns the sheet as text.
    pub fn text(&self) -> String {
        let Self { repository, instance, place, machine, written, .. } = self;
        let mut text = format!(
            "RECOVERY SHEET\n\ninstance    {instance}\nrepository  {repository}\nplace       {place}\n            {machine}\n\
             written     {written}\n\nWhoever has this sheet can read every backup of {instance}. Keep it where the fleet is not.\n\
             You need restic, version 0.14 or newer (`apt install restic`), and the databases' own tools.\n\n"
        );
        self.open(&mut text);
        match self.newest {
            None => text.push_str(
                "2. When this was written there was no backup, or none could be read. The list above shows what there is: a\n   \
                 backup is whole when there is a snapshot of it with the tag kind=set.\n",
            ),
            Some(manifest) => self.take(&mut text, manifest),
        }
        text
    }

    fn open(&self, text: &mut String) {
        let mut say = |line: &str| text.push_str(&format!("{line}\n"));
        say("1. Open the repository, and look what is there");
        say("");
        if let Some((key_id, key)) = self.bucket {
            say(&format!("    export AWS_ACCESS_KEY_ID={}", quoted(key_id)));
            say(&format!("    export AWS_SECRET_ACCESS_KEY={}", quoted(&key.0)));
        }
        say(&format!("    export RESTIC_REPOSITORY={}", quoted(self.place)));
        say(&format!("    export RESTIC_PASSWORD={}", quoted(&self.password.0)));
        say("    restic snapshots --no-lock --tag kind=set");
        say("");
    }

    fn take(&self, text: &mut String, manifest: &Manifest) {
        let Manifest { backup, release, host, began, .. } = manifest;
        let _ = write!(
            text,
            "2. Take a backup out. The newest, when this was written, was of {began}, of {release} on {host}:\n\n    \
             BACKUP={backup}\n    \
             restic dump --no-lock --tag \"backup=$BACKUP,kind=set\" latest /manifest.json > manifest.json\n"
        );
        let has = |is: fn(&Kept) -> bool| manifest.parts.iter().any(|part| is(&part.kept));
        if has(|kept| matches!(kept, Kept::Stream { .. })) {
            let line = "    restic restore --no-lock --tag \"backup=$BACKUP,kind=dumps\" latest --target dumps";
            let _ = writeln!(text, "{line}");
        }
        if has(|kept| matches!(kept, Kept::Files { .. })) {
            let line = "    restic restore --no-lock --tag \"backup=$BACKUP,kind=files\" latest --target files";
            let _ = writeln!(text, "{line}");
        }
        let _ = write!(
            text,
            "\n   manifest.json has the release, the images by digest and all values, secret ones too. A newer backup has another\n   \
             BACKUP: it is the tag backup=… in the list above.\n\n3. Put each store back, with its service empty and running where nothing \
             else is said\n"
        );
        for part in &manifest.parts {
            let _ = write!(text, "\n   {} ({})\n\n", part.store, word(part.engine));
            steps(part).iter().for_each(|line| {
                let _ = writeln!(text, "{line}");
            });
        }
        let _ = write!(text, "\n4. Start {release} with the values of manifest.json, and look whether all is there.\n");
        if !manifest.derivable.is_empty() {
            let names: Vec<_> = manifest.derivable.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "   Not in the backup, for it can be made again: {}.", names.join(", "));
        }
        if !manifest.uncovered.is_empty() {
            let uncovered: Vec<String> = manifest.uncovered.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "   Not in the backup, though it may matter: {}.", uncovered.join("; "));
        }
    }
}

fn word(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Postgresql => "PostgreSQL",
        EngineKind::Mongodb => "MongoDB",
        EngineKind::Mariadb => "MariaDB",
        EngineKind::Mysql => "MySQL",
        EngineKind::Redis => "Redis",
        EngineKind::Neo4j => "Neo4j",
        EngineKind::Volume => "files",
        EngineKind::S3 => "a bucket",
        EngineKind::Command => "by commands of its app",
    }
}

/// Returns the instructions to restore one store: commands, with explanations where needed.
fn steps(part: &Part) -> Vec<String> {
    match &part.kept {
        Kept::Stream { path, .. } => of_stream(part.engine, &format!("dumps/{}", path.trim_start_matches('/'))),
        Kept::Files { roots, .. } if part.engine == EngineKind::S3 => {
            let copy = |root: &super::Root| {
                let from = quoted(&format!("files/{}", root.path.trim_start_matches('/')));
                vec![
                    format!(
                        "   {} was here, each object as a file; what was noted of it is its attribute `user.s3`:",
                        root.from
                    ),
                    format!("    s3cmd sync {from}/ s3://BUCKET/PREFIX/"),
                ]
            };
            roots.iter().flat_map(copy).collect()
        }
        Kept::Files { roots, .. } => {
            let copy = |root: &super::Root| {
                let from = quoted(&format!("files/{}/.", root.path.trim_start_matches('/')));
                vec![format!("   {} was here:", root.from), format!("    cp -a {from} /WHERE/IT/BELONGS/")]
            };
            roots.iter().flat_map(copy).collect()
        }
    }
}

fn of_stream(engine: EngineKind, file: &str) -> Vec<String> {
    let file = quoted(file);
    let lines: &[&str] = match engine {
        EngineKind::Postgresql => &[
            "   Roles and one database, as SQL. Into an empty database, by a superuser, with the same major version or newer. The first",
            "   line tells what the database was made with:",
            "    form=$(sed -n '1s/^-- fleet: database //p' FILE)",
            "    psql -X -U postgres -d template1 -c \"CREATE DATABASE NAME TEMPLATE template0 $form\"",
            "    psql -X -v ON_ERROR_STOP=1 --single-transaction -U postgres -d NAME -f FILE",
        ],
        EngineKind::Mongodb => &["    mongorestore --archive --drop --stopOnError < FILE"],
        EngineKind::Mariadb | EngineKind::Mysql => &[
            "   One database, as SQL. The database must be there, and empty:",
            "    mysql --user=root -p -e 'CREATE DATABASE NAME'",
            "    mysql --user=root -p NAME < FILE",
        ],
        EngineKind::Redis => &[
            "   A snapshot. With the server stopped, and `appendonly no` for its first start:",
            "    cp FILE /DATA/OF/REDIS/dump.rdb",
        ],
        EngineKind::Neo4j => &[
            "   With the server stopped, as the user of its files, with the same major version or newer (before 5: `load --from=- --force`):",
            "    neo4j-admin database load neo4j --from-stdin --overwrite-destination=true < FILE",
        ],
        EngineKind::Volume | EngineKind::S3 | EngineKind::Command => &[
            "   A stream that the app's own load command reads (`load:` of the store in app.yaml):",
            "    LOAD-COMMAND < FILE",
        ],
    };
    lines.iter().map(|line| line.replace("FILE", &file)).collect()
}

/// A text that no shell reads as anything else.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_does_not_end_a_quote() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_repository_without_a_backup_has_a_sheet_too() {
        let (repository, instance) = ("central".parse().expect("a name"), "notes-1".parse().expect("a name"));
        let password = Secret("hunter2".to_owned());
        let sheet = RecoverySheet {
            repository: &repository,
            instance: &instance,
            place: "s3:https://s3.example.org/lab/notes-1",
            machine: "a bucket",
            password: &password,
            bucket: Some(("id", &password)),
            newest: None,
            written: Time(0),
        };
        let text = sheet.text();
        assert!(text.contains("    export AWS_SECRET_ACCESS_KEY='hunter2'\n"), "{text}");
        assert!(text.contains("    export RESTIC_REPOSITORY='s3:https://s3.example.org/lab/notes-1'\n"), "{text}");
        assert!(!format!("{sheet:?}").contains("hunter2"));
    }
}
