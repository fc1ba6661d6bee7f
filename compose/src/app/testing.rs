//! A small app for the tests of this module.

use super::{AppDefinition, Bundle, CheckedValues, Given, Placement, Rendered, render};
use crate::compose::Problems;
use std::collections::BTreeMap;

/// `app.yaml` of the demo.
pub const APP: &str = "app: demo
title: A demo
values:
  port: { type: port, default: 8080 }
  domain: { type: string, required: true }
  db_password: { type: string, secret: true, required: true }
  debug: { type: boolean, default: false }
  note: { type: string }
templates:
  - { from: nginx.conf.j2, to: conf/nginx.conf, mode: \"0640\" }
health:
  deadline: 1m
  probes:
    - http: { service: web, port: 80, path: /health }
    - exec: { service: db, command: [pg_isready, -q], timeout: 2s }
    - version: { service: web, port: 80 }
";

/// Compose file of the demo.
pub const COMPOSE: &str = "services:
  web:
    image: web:${FLEET_VERSION}
    ports: ['${PORT}:80']
    volumes: ['./conf:/etc/nginx/conf.d:ro']
    environment: { DATABASE_URL: 'postgres://demo:${DB_PASSWORD}@db/demo', THEME: '${THEME}' }
    depends_on: [db]
  db:
    image: postgres:15
    volumes: ['data:/var/lib/postgresql/data']
volumes: { data: }
";

/// Template of the demo.
pub const TEMPLATE: &str = "server_name {{ values.domain }};
{% if values.debug %}
debug on;
{% endif %}
# {{ instance }} on {{ host }} at {{ version }}
";

/// The demo's files, some of them replaced; an empty text takes a file away.
pub fn bundle(changes: &[(&str, &str)]) -> Bundle {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let demo = [
        ("app.yaml", APP),
        ("docker-compose.yaml", COMPOSE),
        ("nginx.conf.j2", TEMPLATE),
        (".env", "THEME=dark\nPORT=1\nUNUSED=x\n"),
    ];
    for (path, text) in demo.iter().chain(changes) {
        files.insert((*path).to_owned(), (*text).into());
    }
    files.retain(|_, bytes| !bytes.is_empty());
    Bundle::new(files).expect("the demo is within a bundle's bounds")
}

/// Renders a bundle as `demo-1` on `lab-1`, with these values beside the required ones.
pub fn rendered(bundle: &Bundle, version: &str, values: &[(&str, &str)]) -> Result<Rendered, Problems> {
    let definition = AppDefinition::of(bundle)?;
    let given: Given = [("domain", "x.org"), ("db_password", "hunter2")]
        .iter()
        .chain(values)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let values = CheckedValues::check(&definition.values, &given).expect("the values are good");
    let placement = Placement {
        instance: "demo-1".parse().expect("the name is good"),
        host: "lab-1".parse().expect("the name is good"),
        version: version.parse().expect("the version is good"),
        working_dir: "/srv/demo-1".to_owned(),
    };
    render(bundle, &values, &placement)
}
