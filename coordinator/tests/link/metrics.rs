//! Output for Prometheus, parsed strictly by the text exposition format.

use crate::harness::{FakeAgent, Harness};
use crate::stories::{fleet, installed};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One request, and the whole answer.
pub async fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it is taken");
    let mut answer = String::new();
    timeout(crate::harness::LIMIT, stream.read_to_string(&mut answer)).await.expect("it ends").expect("it is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("there is a head");
    (head.to_owned(), body.to_owned())
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: fleet\r\n\r\n")
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The labels between braces, each as `name="text"`, with nothing escaped but `\\`, `\"` and `\n`.
fn labels(mut text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").expect("a label has a text");
        assert!(is_name(name), "`{name}`");
        let (mut value, mut letters) = (String::new(), rest.char_indices());
        let end = loop {
            match letters.next().expect("a text ends") {
                (at, '"') => break at,
                (_, '\\') => match letters.next().expect("it goes on").1 {
                    'n' => value.push('\n'),
                    other @ ('\\' | '"') => value.push(other),
                    other => panic!("`\\{other}` is not escaped so"),
                },
                (_, other) => value.push(other),
            }
        };
        assert!(found.insert(name.to_owned(), value).is_none(), "`{name}` is there twice");
        text = &rest[end + 1..];
        text = text.strip_prefix(',').unwrap_or(text);
    }
    found
}

/// A metric's name and labels.
type Key = (String, BTreeMap<String, String>);

/// A page of metrics.
struct Read {
    samples: BTreeMap<Key, f64>,
    /// Type and help by the name of the family.
    families: BTreeMap<String, (String, String)>,
}

/// Returns whether a family of this type has samples of this name.
fn is_of(name: &str, family: &str, kind: &str) -> bool {
    let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
    suffixes.iter().any(|suffix| name.strip_suffix(suffix) == Some(family))
}

/// Reads a page: every sample by its name and labels.
fn parse(page: &str) -> Read {
    assert!(page.ends_with('\n'), "the last line ends");
    let (mut samples, mut families, mut family) = (BTreeMap::new(), BTreeMap::new(), (String::new(), String::new()));
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').expect("help has a text");
            assert!(is_name(name) && !text.is_empty());
            let kind =
                lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).expect("after its help");
            assert!(matches!(kind, "gauge" | "counter" | "histogram"), "{kind}");
            let before = families.insert(name.to_owned(), (kind.to_owned(), text.to_owned()));
            assert!(before.is_none(), "the samples of {name} are together");
            family = (name.to_owned(), kind.to_owned());
            continue;
        }
        let (what, value) = line.rsplit_once(' ').expect("a sample has a value");
        let (name, inside) = match what.split_once('{') {
            Some((name, inside)) => (name, inside.strip_suffix('}').expect("braces close")),
            None => (what, ""),
        };
        assert!(is_of(name, &family.0, &family.1), "{name} stands in its family");
        let value: f64 = value.parse().expect("a value is a number");
        let key = (name.to_owned(), labels(inside));
        assert!(samples.insert(key, value).is_none(), "`{what}` is there twice");
    }
    Read { samples, families }
}

/// Starts a coordinator with metrics and an agent, and returns its page.
async fn page_of_a_fleet() -> String {
    let (mut harness, mut admin, identity, agent) = fleet().await;
    drop(agent);
    harness.stop().await;
    harness.start_with_metrics().await;
    let mut agent = FakeAgent::connect(&identity).await.expect("it is welcome");
    installed(&mut admin, &mut agent, "notes-1").await;
    let address = harness.running.as_ref().and_then(|running| running.metrics).expect("they are told");
    ask(address, &get("/metrics")).await.1
}

/// Rows of the coordinator's table: type, labels and meaning by name.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>, String)> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let (_, section) = page.split_once("## Coordinator").expect("it has a section");
    let section = section.split("\n## ").next().expect("a section ends");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let cells = |row: &str| row.split(" | ").map(str::to_owned).collect::<Vec<_>>();
    rows.map(|row| match cells(row).as_slice() {
        [name, kind, labels, _, meaning] => {
            let labels =
                labels.split(", ").filter(|label| *label != "–").map(|label| label.trim_matches('`').to_owned());
            (name.trim_matches('`').to_owned(), (kind.clone(), labels.collect(), meaning.clone()))
        }
        other => panic!("a row has five cells: {other:?}"),
    })
    .collect()
}

#[tokio::test]
async fn each_metric_is_documented_as_it_is() {
    let Read { samples, families } = parse(&page_of_a_fleet().await);
    let documented = documented();
    let in_short = documented.iter().map(|(name, (kind, _, meaning))| (name.clone(), (kind.clone(), meaning.clone())));
    assert_eq!(in_short.collect::<BTreeMap<_, _>>(), families, "left: docs/metrics.md");
    for (name, labels) in samples.keys() {
        let (_, (_, known, _)) = documented
            .iter()
            .find(|(family, (kind, _, _))| is_of(name, family, kind))
            .expect("its family is documented");
        let labels: BTreeSet<_> = labels.keys().filter(|label| *label != "le").cloned().collect();
        assert_eq!(&labels, known, "the labels of {name}");
    }
    let has = |name: &str| samples.keys().any(|(found, _)| found == name);
    let counted = [
        "fleet_rpc_requests_total",
        "fleet_plan_duration_seconds_count",
        "fleet_store_commits_total",
        "fleet_orders_ended_total",
    ];
    assert!(counted.into_iter().all(has), "what happened is counted");
}

/// The linter of Prometheus itself, of Debian's package `prometheus`.
#[tokio::test]
async fn promtool_has_nothing_to_say_against_a_page() {
    let page = page_of_a_fleet().await;
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut checking = promtool.spawn().expect("promtool is there: apt-get install prometheus");
    checking.stdin.take().expect("it is piped").write_all(page.as_bytes()).expect("it reads");
    let checked = checking.wait_with_output().expect("it ends");
    let said = [checked.stdout.as_slice(), &checked.stderr].map(String::from_utf8_lossy).concat();
    assert!(checked.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn metrics_are_told_where_they_are_configured_and_nowhere_else() {
    let (mut harness, mut admin, _, mut agent) = fleet().await;
    assert_eq!(harness.running.as_ref().and_then(|running| running.metrics), None);
    installed(&mut admin, &mut agent, "notes-1").await;
    drop(agent);
    harness.stop().await;
    harness.start_with_metrics().await;
    let address = harness.running.as_ref().and_then(|running| running.metrics).expect("they are told");
    // The pass that closes the order may not have come before the restart.
    let closed = async {
        while !ask(address, &get("/metrics")).await.1.contains("\nfleet_orders_open 0\n") {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
    };
    tokio::time::timeout(crate::harness::LIMIT, closed).await.expect("the order is closed");
    let (head, page) = ask(address, &get("/metrics")).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    let Read { samples, families } = parse(&page);
    let value = |name: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        samples.get(&(name.to_owned(), labels)).copied()
    };
    let of_notes = [("instance", "notes-1")];
    assert_eq!(value("fleet_backup_ok", &of_notes), Some(0.0), "there is no backup of it");
    assert_eq!(value("fleet_backup_age_seconds", &of_notes), None, "and none has an age");
    assert_eq!(value("fleet_backup_copies", &of_notes), Some(0.0));
    assert_eq!(value("fleet_hosts", &[("link", "offline")]), Some(1.0));
    assert_eq!(value("fleet_instances", &[("health", "unknown")]), Some(1.0), "its host is away");
    assert_eq!(value("fleet_instances", &[("health", "healthy")]), None);
    assert_eq!(value("fleet_orders_open", &[]), Some(0.0));
    assert_eq!(value("fleet_hosts_duplicate", &[]), Some(0.0));
    assert!(value("fleet_disk_free_bytes", &[]).is_some_and(|free| free > 0.0));
    assert_eq!(value("fleet_coordinator_backup_ok", &[]), Some(0.0), "it is not backed up");
    assert_eq!(value("fleet_coordinator_backup_age_seconds", &[]), None);
    assert!(!page.contains("hunter2"));
    let is_gauge = |name: &str| families.get(name).is_some_and(|(kind, _)| kind == "gauge");
    let names = ["proven_age_seconds", "bytes", "added_bytes"].map(|name| format!("fleet_backup_{name}"));
    assert!(names.iter().all(|name| is_gauge(name)) && is_gauge("fleet_repository_bytes"));
    assert!(is_gauge("fleet_repository_ok") && is_gauge("fleet_backup_copy_age_seconds"));
    assert!(is_gauge("fleet_coordinator_backup_age_seconds") && is_gauge("fleet_backup_copy_proof_age_seconds"));
}

#[tokio::test]
async fn whoever_asks_for_anything_else_or_says_nothing_holds_nobody_up() {
    let mut harness = Harness::new().await;
    harness.stop().await;
    harness.start_with_metrics().await;
    let address = harness.running.as_ref().and_then(|running| running.metrics).expect("they are told");
    assert!(ask(address, &get("/")).await.0.starts_with("HTTP/1.1 404"));
    assert!(
        ask(address, "POST /metrics HTTP/1.1\r\nHost: fleet\r\nContent-Length: 0\r\n\r\n")
            .await
            .0
            .starts_with("HTTP/1.1 405")
    );
    let mut silent = Vec::new();
    for _ in 0..7 {
        silent.push(TcpStream::connect(address).await.expect("it listens"));
    }
    assert!(ask(address, &get("/metrics")).await.0.starts_with("HTTP/1.1 200"));
}
