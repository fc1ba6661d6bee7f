//! The app of the stories: a web service and a database, small enough to be read here.

use std::fs;
use std::path::{Path, PathBuf};

const STORES: &str = "stores:
  rows:
    engine: command
    kind: truth
    service: db
    dump: [dump-rows]
    load: [load-rows]
    count: [count-rows]
    trailer: \"end\\n\"
  data: { engine: volume, kind: derivable, volume: data }
  uploads: { engine: volume, kind: derivable, volume: uploads }
";

/// A version of `notes`. Two versions differ in the image of the web service alone.
#[derive(Debug, Clone)]
pub struct App {
    /// Version of the release.
    pub version: String,
    /// Time limit for an instance to become healthy.
    pub deadline: String,
    /// Further lines of the web service in the Compose file, indented by four.
    pub extra: String,
    /// Further lines of app.yaml.
    pub stores: String,
}

impl App {
    /// A version that waits patiently for its health.
    pub fn new(version: &str) -> Self {
        Self { version: version.to_owned(), deadline: "25s".to_owned(), extra: String::new(), stores: String::new() }
    }

    /// A version that is given up soon when it does not become healthy.
    pub fn hasty(version: &str) -> Self {
        Self { deadline: "1s".to_owned(), ..Self::new(version) }
    }

    /// A version whose database matters, and nothing else.
    pub fn with_stores(version: &str) -> Self {
        Self { stores: STORES.to_owned(), ..Self::new(version) }
    }

    /// Returns the image of this version.
    pub fn image(version: &str) -> String {
        format!("notes-web:{version}")
    }

    /// Returns the text of app.yaml.
    pub fn definition(&self) -> String {
        format!(
            "app: notes
title: Notes
values:
  port: {{ type: port, default: 8080 }}
  password: {{ type: string, secret: true, required: true }}
  title: {{ type: string, default: Notes }}
templates:
  - {{ from: web.ini.j2, to: web.ini }}
health:
  minimum_healthy: 0s
  deadline: {}
  probes:
    - http: {{ service: web, port: 80 }}
{}",
            self.deadline, self.stores
        )
    }

    /// Returns the text of the Compose file.
    pub fn compose(&self) -> String {
        format!(
            "services:
  web:
    image: {}
    depends_on: [db]
    ports: [\"${{PORT}}:80\"]
    volumes: [\"./web.ini:/etc/web.ini:ro\", \"uploads:/uploads\"]
{}  db:
    image: notes-db:1
    environment:
      PASSWORD: ${{PASSWORD}}
    volumes: [\"data:/data\"]
volumes:
  uploads: {{}}
  data: {{}}
",
            Self::image(&self.version),
            self.extra
        )
    }

    /// Writes the app's folder below another one.
    pub fn write(&self, below: &Path) -> PathBuf {
        let folder = below.join(&self.version);
        fs::create_dir_all(&folder).expect("a folder can be made");
        let files = [
            ("app.yaml", self.definition()),
            ("compose.yaml", self.compose()),
            ("web.ini.j2", "title = {{ values.title }}\n".to_owned()),
        ];
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("a file can be written");
        }
        folder
    }
}
