//! The agent's own metrics, on a loopback address.

use crate::lab::{DAY, Lab, ends};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(60);

async fn ask(address: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Asks until the agent is connected.
async fn page_of_a_connected_agent(address: SocketAddr) -> String {
    let asking = async {
        loop {
            let answer = ask(address, "GET /metrics HTTP/1.1\r\nHost: agent\r\n\r\n").await.unwrap_or_default();
            if let Some((head, page)) = answer.split_once("\r\n\r\n")
                && page.contains("\nfleet_agent_connected 1\n")
            {
                assert!(head.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4"), "{head}");
                return page.to_owned();
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, asking).await.expect("the agent connects and serves")
}

/// Type and help of each family of a page.
fn families(page: &str) -> BTreeMap<String, (String, String)> {
    let mut types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let helps = page.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    helps
        .map(|(name, help)| {
            let kind = types.next().filter(|(typed, _)| *typed == name).expect("a type comes after the help").1;
            (name.to_owned(), (kind.to_owned(), help.to_owned()))
        })
        .collect()
}

/// Type and meaning of each row of the agent's table.
fn documented() -> BTreeMap<String, (String, String)> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let (_, section) = page.split_once("## Agent\n").expect("it has a section");
    let section = section.split("\n## ").next().expect("a section ends");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.map(|row| match row.split(" | ").collect::<Vec<_>>().as_slice() {
        [name, kind, _, _, meaning] => (name.trim_matches('`').to_owned(), ((*kind).to_owned(), (*meaning).to_owned())),
        other => panic!("a row has five cells: {other:?}"),
    })
    .collect()
}

#[tokio::test]
async fn an_agent_serves_its_metrics_where_it_was_asked_to() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port is free");
    let _agent = lab.run_with(Some(address.to_string().parse().expect("it is a loopback address")));
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    let page = page_of_a_connected_agent(address).await;
    assert_eq!(documented(), families(&page), "left: docs/metrics.md");
    assert!(page.contains("\nfleet_agent_connections_total 1\n"), "{page}");
    let ended = page.lines().filter(|line| line.starts_with("fleet_agent_orders_ended_total{")).count();
    assert_eq!(ended, 1, "{page}");
    let other = ask(address, "GET / HTTP/1.1\r\n\r\n").await.expect("it answers");
    assert!(other.starts_with("HTTP/1.1 404 "), "{other}");

    // The linter of Prometheus itself, of Debian's package `prometheus`.
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut checking = promtool.spawn().expect("promtool is there: apt-get install prometheus");
    checking.stdin.take().expect("it is piped").write_all(page.as_bytes()).expect("it reads");
    let checked = checking.wait_with_output().expect("it ends");
    let said = [checked.stdout.as_slice(), &checked.stderr].map(String::from_utf8_lossy).concat();
    assert!(checked.status.success() && said.is_empty(), "{said}");
}
