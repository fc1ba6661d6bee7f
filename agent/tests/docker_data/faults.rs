//! Faults of tools: they are reported with the reason, and nothing of the tools remains.

use super::harness::{Harness, harness};
use super::images::{self, ONE};
use fleet_agent::runtime::{Containers, DumpStream, InputError, RuntimeError, ToolRunner};
use fleet_core::backup::{ExecTarget, HoldKind, Tool, dump_tool};
use fleet_core::units::Period;
use futures_util::{StreamExt, stream};
use std::time::Duration;

const COMPOSE: &str =
    "services: { db: { image: 'fleet-test-busybox:1', stop_grace_period: 1s, volumes: ['data:/data'] } }
volumes: { data: }
";
const STORES: &str = "  it: { engine: command, kind: truth, service: db, dump: [x], load: [y] }\n";

async fn started() -> Option<Harness> {
    harness(ONE, COMPOSE, STORES).await
}

/// A script as a tool of the store, with little patience.
fn tool(harness: &Harness, script: &str) -> Tool {
    let tool = dump_tool(harness.store()).expect("it is dumped");
    let argv = ["sh", "-c", script, "from-a-tool"].map(str::to_owned).to_vec();
    Tool { argv, idle: Period::from_secs(3), deadline: Period::from_secs(20), ..tool }
}

fn beside(tool: Tool) -> Tool {
    Tool { at: ExecTarget::OneOff { service: "db".to_owned() }, ..tool }
}

async fn begin(harness: &Harness, tool: &Tool) -> DumpStream {
    harness.instance.runtime.dump(tool, &harness.rendered.spec).await.expect("the tool is started")
}

/// All that came, and the error at the end.
async fn read(harness: &Harness, tool: &Tool) -> (Vec<u8>, Option<RuntimeError>) {
    let mut dump = match harness.instance.runtime.dump(tool, &harness.rendered.spec).await {
        Ok(dump) => dump,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut bytes = Vec::new();
    while let Some(piece) = dump.next().await {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(error) => {
                assert!(dump.next().await.is_none(), "after an error there is nothing");
                return (bytes, Some(error));
            }
        }
    }
    (bytes, None)
}

/// In the service's container and in one of its own alike.
async fn in_both(check: impl AsyncFn(&Harness, &dyn Fn(&str) -> Tool)) {
    let Some(harness) = started().await else { return };
    check(&harness, &|script| tool(&harness, script)).await;
    harness.nothing_left("db").await;
    let held = harness.instance.runtime.hold(&harness.rendered.spec, "db", HoldKind::Stopped).await;
    held.expect("it can be stopped");
    check(&harness, &|script| beside(tool(&harness, script))).await;
    harness.nothing_left("db").await;
}

#[tokio::test]
async fn a_tool_that_ends_well_has_said_all() {
    in_both(async |harness, tool| {
        let (bytes, error) = read(harness, &tool("seq 1 200000; echo so far so good >&2")).await;
        assert!(error.is_none(), "{error:?}");
        let expect: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
        assert!(bytes == expect.as_bytes(), "{} bytes instead of {}", bytes.len(), expect.len());
    })
    .await;
}

#[tokio::test]
async fn a_tool_that_fails_after_half_of_its_output_is_an_error_with_its_words() {
    in_both(async |harness, tool| {
        let (bytes, error) = read(harness, &tool("seq 1 5000; echo the disk is on fire >&2; exit 1")).await;
        assert!(bytes.ends_with(b"5000\n"));
        let error = error.expect("it failed").to_string();
        assert_eq!(error, "the dump in `db` ended with 1: the disk is on fire");
    })
    .await;
}

#[tokio::test]
async fn a_tool_that_the_image_lacks_is_named_and_gives_no_bytes() {
    in_both(async |harness, tool| {
        let missing = Tool { argv: vec!["pg_dump".to_owned(), "-x".to_owned()], ..tool("") };
        let (bytes, error) = read(harness, &missing).await;
        assert!(bytes.is_empty());
        let error = error.expect("it is missing");
        assert!(matches!(&error, RuntimeError::NoTool { .. }), "{error:?}");
        assert!(error.to_string().contains("pg_dump: not found"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn what_the_engine_says_of_a_missing_shell_is_no_dump() {
    let Some(harness) = started().await else { return };
    images::docker(&["exec", &harness.instance.name("db"), "/bin/busybox", "mv", "/bin/sh", "/bin/gone"]);
    let (bytes, error) = read(&harness, &tool(&harness, "echo x")).await;
    assert_eq!(String::from_utf8_lossy(&bytes), "");
    let error = error.expect("there is no shell");
    assert!(matches!(&error, RuntimeError::NoTool { .. } | RuntimeError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_tool_that_hangs_is_ended() {
    in_both(async |harness, tool| {
        let (bytes, error) = read(harness, &tool("echo begun; sleep 1000")).await;
        assert_eq!(bytes, b"begun\n");
        assert_eq!(error.expect("it hangs").to_string(), "the dump in `db` did nothing for 3 s and was ended");
        harness.nothing_left("db").await;
    })
    .await;
}

#[tokio::test]
async fn a_tool_that_takes_for_ever_is_ended() {
    in_both(async |harness, tool| {
        let endless = Tool { deadline: Period::from_secs(2), ..tool("while true; do echo x; sleep 0.1; done") };
        let (_, error) = read(harness, &endless).await;
        assert_eq!(error.expect("it is endless").to_string(), "the dump in `db` took longer than 2 s and was ended");
        harness.nothing_left("db").await;
    })
    .await;
}

#[tokio::test]
async fn a_tool_that_asks_for_a_password_finds_nobody() {
    in_both(async |harness, tool| {
        let asks = "echo 'Password: ' >&2; read -r word </dev/tty || read -r word || { echo nobody is there >&2; exit 2; }; echo $word";
        let (bytes, error) = read(harness, &tool(asks)).await;
        assert!(bytes.is_empty());
        let error = error.expect("nobody answers").to_string();
        assert!(error.contains("ended with 2: Password:") && error.ends_with("nobody is there"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_tool_that_nobody_listens_to_is_ended() {
    in_both(async |harness, tool| {
        // With a child of its own, and one that has left the group.
        let mut dump =
            begin(harness, &tool("(sh -c 'sleep 1001; true' from-a-tool) & while true; do echo x; sleep 0.05; done"))
                .await;
        dump.next().await.expect("it says something").expect("it is well");
        assert!(!harness.left_behind("db").is_empty());
        drop(dump);
        harness.nothing_left("db").await;
    })
    .await;
}

#[tokio::test]
async fn a_tool_is_read_only_as_fast_as_it_is_listened_to() {
    let Some(harness) = started().await else { return };
    let script = "i=0; while true; do i=$((i+1)); echo $i >/data/written; head -c 100000 /dev/zero; done";
    let mut dump = begin(&harness, &tool(&harness, script)).await;
    dump.next().await.expect("it says something").expect("it is well");
    let written = || images::docker(&["exec", &harness.instance.name("db"), "cat", "/data/written"]);
    let mut before = String::new();
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = written();
        if !now.is_empty() && now == before {
            let pieces: u64 = now.parse().expect("it is a number");
            assert!(pieces < 200, "{pieces} pieces of 100 kB were taken without anybody reading");
            return;
        }
        before = now;
    }
    panic!("the tool goes on without anybody reading: {before}");
}

#[tokio::test]
async fn a_container_that_is_killed_in_the_middle_is_an_error() {
    let Some(harness) = started().await else { return };
    let mut dump = begin(&harness, &tool(&harness, "seq 1 100; sleep 1000")).await;
    dump.next().await.expect("it says something").expect("it is well");
    images::docker(&["kill", &harness.instance.name("db")]);
    let mut last = None;
    while let Some(piece) = dump.next().await {
        last = Some(piece);
    }
    assert!(matches!(last, Some(Err(_))), "{last:?}");
}

#[tokio::test]
async fn a_service_that_does_not_run_has_no_tools() {
    let Some(harness) = started().await else { return };
    let name = harness.instance.name("db");
    for (verb, back) in [("pause", "unpause"), ("stop", "start")] {
        images::docker(&[verb, &name]);
        let (_, error) = read(&harness, &tool(&harness, "echo x")).await;
        assert_eq!(error.expect("it stands still").to_string(), format!("`{name}` does not run"));
        images::docker(&[back, &name]);
    }
    images::docker(&["rm", "-f", &name]);
    let (_, error) = read(&harness, &tool(&harness, "echo x")).await;
    assert!(matches!(error, Some(RuntimeError::NotThere { .. })), "{error:?}");
}

#[tokio::test]
async fn a_short_answer_must_be_short() {
    let Some(harness) = started().await else { return };
    assert_eq!(harness.run(&tool(&harness, "echo 1; echo 2")).await.expect("it answers"), "1\n2\n");
    let error = harness.run(&tool(&harness, "yes")).await.expect_err("it is long").to_string();
    assert_eq!(error, "the dump in `db` printed more than 2048 KiB");
    harness.nothing_left("db").await;
}

/// A load whose tool records the data that it has read, and its end.
const NOTES: &str = "cat >/data/read; echo all >/data/end";

async fn load(
    harness: &Harness,
    tool: &Tool,
    pieces: Vec<Result<&'static str, &'static str>>,
) -> Result<(), RuntimeError> {
    let broken = |reason: &str| InputError(reason.to_owned());
    let pieces = pieces.into_iter().map(|piece| piece.map(Into::into).map_err(broken)).collect::<Vec<_>>();
    harness.instance.runtime.load(tool, &harness.rendered.spec, stream::iter(pieces).boxed()).await
}

fn in_volume(harness: &Harness, path: &str) -> String {
    let volume = format!("{}_data:/data", harness.instance.project);
    images::docker(&["run", "--rm", "-v", &volume, ONE, "sh", "-c", &format!("cat /data/{path} 2>/dev/null; true")])
}

#[tokio::test]
async fn a_load_gives_all_and_then_the_end() {
    in_both(async |harness, tool| {
        load(harness, &tool(NOTES), vec![Ok("one "), Ok("two")]).await.expect("it is loaded");
        assert_eq!((in_volume(harness, "read").as_str(), in_volume(harness, "end").as_str()), ("one two", "all"));
        harness.instance.runtime.sweep_tools(&harness.rendered.spec).await.expect("there is nothing to sweep");
    })
    .await;
}

#[tokio::test]
async fn a_load_that_breaks_off_is_ended_before_its_tool_takes_it_for_the_end() {
    in_both(async |harness, tool| {
        images::docker(&[
            "run",
            "--rm",
            "-v",
            &format!("{}_data:/data", harness.instance.project),
            ONE,
            "/bin/busybox",
            "rm",
            "-f",
            "/data/end",
        ]);
        let error = load(harness, &tool(NOTES), vec![Ok("one "), Err("the repository is gone")])
            .await
            .expect_err("it broke off");
        assert_eq!(
            error.to_string(),
            "the dump in `db` was ended: what it was to read broke off: the repository is gone"
        );
        harness.nothing_left("db").await;
        assert_eq!(in_volume(harness, "end"), "");
    })
    .await;
}

#[tokio::test]
async fn a_load_whose_tool_fails_or_ends_early_has_failed() {
    in_both(async |harness, tool| {
        let error = load(harness, &tool("head -c 1 >/dev/null; echo no room >&2; exit 4"), vec![Ok("one"); 3]).await;
        assert_eq!(error.expect_err("it failed").to_string(), "the dump in `db` ended with 4: no room");
        let long = stream::iter((0..2000).map(|_| Ok(vec![0_u8; 10_000].into()))).boxed();
        let early = harness.instance.runtime.load(&tool("head -c 1 >/dev/null"), &harness.rendered.spec, long).await;
        assert!(matches!(&early, Err(RuntimeError::BrokenOff { .. })), "{early:?}");
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_agent_has_left_is_swept() {
    let Some(harness) = started().await else { return };
    let spec = &harness.rendered.spec;
    // Forgotten, as by a caller that has no time to end it.
    let mut inside = begin(&harness, &tool(&harness, "echo begun; sleep 1000")).await;
    inside.next().await.expect("it says something").expect("it is well");
    std::mem::forget(inside);
    assert!(!harness.left_behind("db").is_empty());
    harness.instance.runtime.sweep_tools(spec).await.expect("it can be swept");
    harness.nothing_left("db").await;
    harness.instance.runtime.hold(spec, "db", HoldKind::Stopped).await.expect("it can be stopped");
    std::mem::forget(begin(&harness, &beside(tool(&harness, "echo begun; sleep 1000"))).await);
    assert!(!harness.left_behind("db").is_empty());
    harness.instance.runtime.sweep_tools(spec).await.expect("it can be swept");
    harness.nothing_left("db").await;
}
