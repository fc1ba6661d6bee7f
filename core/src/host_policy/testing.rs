//! An app with any Compose file, for the tests of this module.

use crate::app::{Bundle, CheckedValues, Placement, Rendered, render};

pub fn rendered(compose: &str) -> Rendered {
    let app = "app: labnotes\ncompose: c.yaml\nhealth: { probes: [ { exec: { service: web, command: [x] } } ] }\n";
    let files = [("app.yaml", app), ("c.yaml", compose)];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into();
    let placement = Placement {
        instance: "notes-1".parse().expect("the name is well formed"),
        host: "lab-1".parse().expect("the name is well formed"),
        version: "1".parse().expect("the version is well formed"),
        working_dir: "/srv/fleet/notes-1".to_owned(),
    };
    let bundle = Bundle::new(files).expect("the bundle is small");
    render(&bundle, &CheckedValues::default(), &placement).expect("the app is well formed")
}
