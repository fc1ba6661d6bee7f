//! Parses Compose files for the tests of this and other modules.

use super::{ComposeSource, Problems, Project, read};
use std::collections::{BTreeMap, BTreeSet};

/// The variables of all tests; `PW` is a secret.
const VARIABLES: [(&str, &str); 8] = [
    ("PW", "hunter2"),
    ("USER_ID", "1000"),
    ("GROUP_ID", "100"),
    ("NEO4J_USER", "neo4j"),
    ("NEO4J_DOCKER_IMAGE", "neo4j:5.18"),
    ("VUE_APP_API_URL", "http://localhost:5001"),
    ("EMPTY", ""),
    ("COMPOSE_PROJECT_NAME", "oasis-1"),
];

const FILES: [(&str, &str); 4] = [
    (".envs/.production/.django", "DJANGO_SETTINGS_MODULE=config.settings\nDEBUG='no $x'\n"),
    (".envs/.production/.postgres", "POSTGRES_USER=topobank\nPOSTGRES_PASSWORD=x\n"),
    ("a.env", "A=from-file\nB=2\nEMPTY\n"),
    ("broken.env", "A B\n"),
];

/// Reads a text as the Compose file `c.yaml`, with the profile `prod`.
pub fn read_text(text: &str) -> Result<Project, Problems> {
    let mut files: BTreeMap<String, Vec<u8>> =
        FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).into())).collect();
    files.insert("c.yaml".to_owned(), text.into());
    let variables = VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    read(&ComposeSource {
        files: &files,
        secret_files: &BTreeSet::new(),
        entry: "c.yaml",
        variables: &variables,
        secret_variables: &BTreeSet::from(["PW".to_owned()]),
        profiles: &BTreeSet::from(["prod".to_owned()]),
        naming: super::ProjectNaming::FromCompose,
    })
}
