//! A bucket of an instance's own S3 service: backed up, drilled in a sandbox, and restored with the metadata of its
//! objects.

use super::images::{self, docker};
use super::lab::Lab;
use fleet_core::app::Bundle;
use fleet_core::backup::{DataAction, DataResult, DrillCheck, Others};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const KEYS: (&str, &str) = ("key-of-a-test", "secret-of-a-test");

/// Returns the path of a single-file program that serves S3.
fn rclone() -> String {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tool.sh");
    let recorded = Command::new(tool).arg("rclone").output().expect("the script runs");
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));
    let path = String::from_utf8(recorded.stdout).expect("a path");
    std::fs::canonicalize(path.trim()).expect("it is there").display().to_string()
}

fn bundle(rclone: &str) -> Bundle {
    let app = "app: media\nvalues:\n  password: { type: string, secret: true, required: true }\n\
               health: { minimum_healthy: 0s, deadline: 60s }\nstores:\n  media:\n    engine: s3\n    kind: truth\n    \
               endpoint: http://objects:9000\n    bucket: media\n    key_id: key-of-a-test\n    key: '{{ values.password }}'\n    \
               data: /data\n";
    let compose = format!(
        "services:\n  objects:\n    image: {}\n    init: true\n    environment: {{ RCLONE_CONFIG: /dev/null }}\n    \
         command: [/rclone, serve, s3, --addr, ':9000', --auth-key, 'key-of-a-test,secret-of-a-test', /data]\n    \
         volumes: ['objects:/data', '{rclone}:/rclone:ro']\nvolumes: {{ objects: }}\n",
        images::ONE
    );
    let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

/// Somebody's own client of an instance's bucket.
struct Client {
    rclone: String,
    endpoint: String,
}

impl Client {
    fn of(rclone: &str, instance: &str) -> Self {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        let address = docker(&["inspect", "--format", format, &format!("{instance}-objects-1")]);
        let address = address.split_whitespace().next().expect("it has one").to_owned();
        let client = Self { rclone: rclone.to_owned(), endpoint: format!("http://{address}:9000") };
        let began = Instant::now();
        while std::net::TcpStream::connect((address.as_str(), 9000)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(120), "the service does not listen");
            std::thread::park_timeout(Duration::from_millis(100));
        }
        client
    }

    fn run(&self, input: &[u8], words: &[&str]) -> String {
        let mut command = Command::new(&self.rclone);
        command.args(["--s3-provider", "Other", "--s3-endpoint", &self.endpoint, "--s3-access-key-id", KEYS.0]);
        command.args(["--s3-secret-access-key", KEYS.1]).args(words).env("RCLONE_CONFIG", "/dev/null");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("rclone runs");
        child.stdin.take().expect("it is piped").write_all(input).expect("it is taken");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    }

    fn put(&self, key: &str, content: &[u8], kind: &str, noted: &str) {
        let (to, kind) = (format!(":s3:media/{key}"), format!("content-type={kind}"));
        let noted = format!("instrument={noted}");
        self.run(content, &["rcat", &to, "--metadata", "--metadata-set", &kind, "--metadata-set", &noted]);
    }

    /// Returns every object: its path, size, hash, and metadata.
    fn all(&self) -> BTreeSet<String> {
        let listed = self.run(b"", &["lsjson", "-R", "--files-only", "--metadata", "--hash", ":s3:media"]);
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("it is JSON");
        let noted = |it: &serde_json::Value| {
            let noted = ["content-type", "instrument"].map(|name| it["Metadata"][name].clone());
            format!("{} {} {} {noted:?}", it["Path"], it["Size"], it["Hashes"]["md5"])
        };
        listed.iter().map(noted).collect()
    }
}

#[tokio::test]
async fn a_bucket_is_backed_up_proven_and_put_back() {
    let rclone = rclone();
    let policy = format!("paths: ['{rclone}']\n");
    let Some(lab) = Lab::with("fts", images::ONE, bundle(&rclone), &policy).await else { return };
    let _agent = lab.agent();
    let instance = lab.instance();
    let mut install = lab.order(&instance, Action::Install { goal: lab.goal() });
    install.values = [("password".to_owned(), KEYS.1.to_owned())].into();
    assert_eq!(lab.carry_out(&install).await.outcome, Outcome::Done);
    let client = Client::of(&rclone, &lab.name);
    client.run(b"", &["mkdir", ":s3:media"]);
    let scan: Vec<u8> = (0..12_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    client.put("scans/a.tif", &scan, "image/tiff", "afm-3");
    client.put("scans/b c.txt", b"words", "text/plain", "hand");
    client.put("note", b"first", "text/html", "desk");
    let was = client.all();
    assert!(was.iter().any(|it| it.contains("image/tiff") && it.contains("afm-3")), "{was:?}");

    let order = lab.backup();
    assert_eq!(lab.carry_out(&order).await.outcome, Outcome::Done);
    let id: BackupId = order.order.id.as_str().parse().expect("an id");
    let drill =
        lab.order(&instance, Action::Data(DataAction::Drill { from: lab.source(&id), privileges: Default::default() }));
    let end = lab.carry_out(&drill).await;
    let Some(DataResult::Drill(made)) = end.made.as_deref() else { panic!("expected a proof, found {end:?}") };
    assert_eq!(made.proof.failure, None);
    let store = || "media".parse().expect("a name");
    let put = DrillCheck::Objects { store: store(), objects: 3 };
    let same = DrillCheck::SameObjects { store: store(), objects: 3 };
    assert!([&put, &same].iter().all(|check| made.proof.checks.contains(check)), "{:?}", made.proof.checks);
    assert!(client.all() == was, "a drill works on a double");

    client.run(b"", &["deletefile", ":s3:media/scans/a.tif"]);
    client.put("note", b"other", "text/plain", "desk");
    client.put("later", b"new", "text/plain", "desk");
    let (only, safety) = (BTreeSet::new(), ["near".parse().expect("a name")].into());
    let restore = DataAction::Restore {
        from: lab.source(&id),
        only,
        safety,
        goal: None,
        replaces: None,
        others: Others::Kept,
        privileges: Default::default(),
    };
    let end = lab.carry_out(&lab.order(&instance, Action::Data(restore))).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(Client::of(&rclone, &lab.name).all(), was);

    let other = format!("{}-new", lab.name);
    let restore = DataAction::Restore {
        from: lab.source(&id),
        only: BTreeSet::new(),
        safety: BTreeSet::new(),
        goal: Some(lab.goal()),
        replaces: None,
        others: Others::Kept,
        privileges: Default::default(),
    };
    let mut anew = lab.order(&other.parse().expect("a name"), Action::Data(restore));
    anew.values = install.values;
    assert_eq!(lab.carry_out(&anew).await.outcome, Outcome::Done);
    assert_eq!(Client::of(&rclone, &other).all(), was);
}
