//! Queries to hosts and the routing of their replies: log lines, digests of images, and claims.

use crate::harness::{FakeAgent, LIMIT, Operators, hello, now, operators, planned, refusal};
use crate::stories::{fleet, installed};
use fleet_core::hint::Hint;
use fleet_core::names::HostName;
use fleet_core::not_asked::NotAskedReason;
use fleet_core::order_failure::OrderFailure;
use fleet_core::part_owner::PartOwner;
use fleet_core::planned_change::PlannedChange;
use fleet_core::query_failure::QueryFailure;
use fleet_core::refused_call::{CallRefusal, CountedThing};
use fleet_proto::v1;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::Code;

fn lab_1() -> HostName {
    "lab-1".parse().expect("a name")
}

#[tokio::test]
async fn logs_come_from_the_host_and_end_with_whoever_asked() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let request = v1::ReadLogsRequest { instance: "notes-1".to_owned(), tail: 10, ..Default::default() };
    let asking = tokio::spawn({
        let mut admin = admin.clone();
        async move { admin.read_logs(request).await }
    });
    let query = agent.query().await;
    let line = |text: &str| v1::QueryReply {
        query: query.id,
        kind: Some(v1::query_reply::Kind::Line(v1::LogLine { text: text.to_owned(), ..Default::default() })),
    };
    agent.client.reply(tokio_stream::iter([line("one"), line("two")])).await.expect("somebody waits for it");
    let mut lines = asking.await.expect("it is asked").expect("the host is there").into_inner();
    let mut heard = Vec::new();
    while let Some(line) = lines.next().await {
        heard.push(line.expect("it goes on").text);
    }
    assert_eq!(heard, ["one", "two"]);
}

/// Returns the result of reading the logs of `notes-1` after something has happened meanwhile.
async fn logs_after(admin: &Operators, begun: impl AsyncFnOnce()) -> Result<(), tonic::Status> {
    let request = v1::ReadLogsRequest { instance: "notes-1".to_owned(), follow: true, ..Default::default() };
    let mut asker = admin.clone();
    let reading = tokio::spawn(async move {
        let mut lines = asker.read_logs(request).await?.into_inner();
        while let Some(line) = lines.next().await {
            line?;
        }
        Ok(())
    });
    begun().await;
    timeout(LIMIT, reading).await.expect("whoever asked is told").expect("no fault")
}

#[tokio::test]
async fn logs_that_are_cut_off_say_so_whether_or_not_the_answer_had_begun() {
    let (_harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let lost = |read: Result<(), tonic::Status>| {
        let status = read.expect_err("it was cut off");
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(refusal(&status), CallRefusal::HostLost { host: lab_1() });
        let error = fleet_link::LinkError::from_status("", status);
        assert_eq!(error.hint(), "notes-1".parse().ok().map(Hint::FollowLogsAgain));
    };

    // The host reconnects while it replies, as it does with each new certificate.
    let mut next = None;
    let read = logs_after(&admin, async || {
        let query = agent.query().await.id;
        let line = v1::query_reply::Kind::Line(v1::LogLine { text: "one".to_owned(), ..Default::default() });
        let (pieces, received) = tokio::sync::mpsc::channel(4);
        pieces.send(v1::QueryReply { query, kind: Some(line) }).await.expect("it is read");
        let mut client = agent.client.clone();
        tokio::spawn(async move {
            let answered = client.reply(tokio_stream::wrappers::ReceiverStream::new(received)).await;
            drop((pieces, answered));
        });
        next = Some(FakeAgent::connect(&identity).await.expect("it is welcome"));
    });
    lost(read.await);

    // The host ends before it begins to answer.
    let mut agent = next.expect("it has connected anew");
    lost(
        logs_after(&admin, async || {
            agent.query().await;
            drop(agent);
        })
        .await,
    );
}

/// Answers a question of the coordinator about images.
async fn resolved(agent: &mut FakeAgent, kinds: Vec<v1::query_reply::Kind>) {
    let query = agent.query().await.id;
    let pieces = kinds.into_iter().map(move |kind| v1::QueryReply { query, kind: Some(kind) });
    agent.client.reply(tokio_stream::iter(pieces)).await.expect("somebody waits for it");
}

#[tokio::test]
async fn images_are_resolved_through_a_host_that_can_say() {
    use v1::query_reply::Kind;
    let (harness, mut admin, _, mut first) = fleet().await;
    let request = v1::ResolveImagesRequest { images: vec!["notes:1.1".to_owned(), "notes:9".to_owned()] };
    let asker = admin.clone();
    let asking = |request: &v1::ResolveImagesRequest| {
        let (mut admin, request) = (asker.clone(), request.clone());
        tokio::spawn(async move { admin.resolve_images(request).await })
    };
    let image = |image: &str, digest: &str, failure: Option<QueryFailure>| {
        let [image, digest] = [image, digest].map(str::to_owned);
        Kind::Resolved(v1::ResolvedImage { image, digest, failure: failure.map(Into::into) })
    };
    let only_here = QueryFailure::ImageOnlyHere { id: "sha256:22".to_owned() };

    // The only host does not answer, or answers only half.
    let asked = asking(&request);
    resolved(&mut first, vec![Kind::QueryFailure(QueryFailure::other("the Engine is away").into())]).await;
    let refused = asked.await.expect("it ends").expect_err("nobody can say");
    assert_eq!(
        refusal(&refused),
        CallRefusal::HostSays { host: lab_1(), failure: Box::new(QueryFailure::other("the Engine is away")) }
    );
    let asked = asking(&request);
    resolved(&mut first, vec![image("notes:1.1", "sha256:11", None)]).await;
    let refused = asked.await.expect("it ends").expect_err("half an answer is none");
    assert_eq!(refusal(&refused), CallRefusal::AnswerCutOff { host: lab_1() });

    // Another host can.
    let identity = harness.host(&mut admin, "lab-2").await;
    let mut second = FakeAgent::connect(&identity).await.expect("it is welcome");
    second.open_set().await.expect("it is told its orders");
    let asked = asking(&request);
    resolved(&mut first, vec![Kind::QueryFailure(QueryFailure::other("the Engine is away").into())]).await;
    let both = vec![image("notes:1.1", "sha256:11", None), image("notes:9", "", Some(only_here.clone()))];
    resolved(&mut second, both).await;
    let reply = asked.await.expect("it ends").expect("the second can say").into_inner();
    assert_eq!(reply.host, "lab-2");
    let found: Vec<_> = reply.images.into_iter().map(|it| (it.digest, it.failure)).collect();
    assert_eq!(found, [("sha256:11".to_owned(), None), (String::new(), Some(only_here.into()))]);

    let many = v1::ResolveImagesRequest { images: vec!["notes:1.1".to_owned(); 101] };
    let refused = admin.resolve_images(many).await.expect_err("it is too much");
    assert_eq!(refusal(&refused), CallRefusal::TooMany { what: CountedThing::Images, limit: 100 });
}

/// Follows the logs of `notes-1`, and gives the question that its host is asked.
async fn follow(
    viewer: &Operators,
    agent: &mut FakeAgent,
) -> (tokio::task::JoinHandle<Result<(), tonic::Status>>, u64) {
    let request = v1::ReadLogsRequest { instance: "notes-1".to_owned(), follow: true, ..Default::default() };
    let mut asker = viewer.clone();
    let reading = tokio::spawn(async move {
        let mut lines = asker.read_logs(request).await?.into_inner();
        while let Some(line) = lines.next().await {
            line?;
        }
        Ok(())
    });
    (reading, agent.query().await.id)
}

#[tokio::test]
async fn one_operator_follows_once_on_a_host_and_everybody_else_is_answered() {
    let (harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let request =
        v1::AddOperatorRequest { name: "bob".to_owned(), role: v1::OperatorRole::Viewer.into(), ..Default::default() };
    let invitation = admin.add_operator(request).await.expect("he is new").into_inner();
    let bob = operators(&crate::harness::token(&invitation)).await;
    let mut follows = Vec::new();
    for _ in 0..4 {
        follows.push(follow(&bob, &mut agent).await);
    }
    let (last, last_id) = follows.pop().expect("there are four");
    for (follow, _) in follows {
        let replaced = timeout(LIMIT, follow).await.expect("a later one ends it").expect("no fault");
        let replaced = replaced.expect_err("it was replaced");
        assert_eq!(refusal(&replaced), CallRefusal::LogsReplaced { host: lab_1() });
    }
    let (mine, my_id) = follow(&admin, &mut agent).await;
    assert!(my_id > last_id && !last.is_finished() && !mine.is_finished(), "another operator has its own");
    let asker = admin.clone();
    let images = v1::ResolveImagesRequest { images: vec!["notes:1.1".to_owned()] };
    let resolving = tokio::spawn(async move { asker.clone().resolve_images(images).await });
    let image =
        v1::ResolvedImage { image: "notes:1.1".to_owned(), digest: "sha256:11".to_owned(), ..Default::default() };
    resolved(&mut agent, vec![v1::query_reply::Kind::Resolved(image)]).await;
    resolving.await.expect("no fault").expect("images are resolved meanwhile");
    drop(harness);
}

#[tokio::test]
async fn one_operator_has_few_questions_open_to_a_host() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let request = || v1::ReadLogsRequest { instance: "notes-1".to_owned(), tail: 10, ..Default::default() };
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut asker = admin.clone();
        open.push(tokio::spawn(async move { asker.read_logs(request()).await }));
        agent.query().await;
    }
    let refused = admin.read_logs(request()).await.expect_err("it is one too many");
    assert_eq!(refusal(&refused), CallRefusal::TooManyQuestions { host: lab_1(), limit: 2 });
}

fn wanted(name: &str) -> v1::InstallInstanceRequest {
    v1::InstallInstanceRequest {
        app: "notes".to_owned(),
        version: "1.1".to_owned(),
        host: "lab-1".to_owned(),
        name: name.to_owned(),
        values: [("password".to_owned(), "hunter2".to_owned())].into(),
        ..Default::default()
    }
}

/// The reasons for which hosts were not asked about a plan.
fn not_asked(plan: &[v1::PlannedChange]) -> Vec<NotAskedReason> {
    let reason = |change| match change {
        PlannedChange::HostNotAsked { host, reason } if host.as_str() == "lab-1" => Some(*reason),
        _ => None,
    };
    planned(plan).into_iter().filter_map(reason).collect()
}

/// Asks for an installation until the host is asked whether it would refuse it: its greeting is on its way.
async fn install_asked(
    admin: &Operators,
    agent: &mut FakeAgent,
    request: &v1::InstallInstanceRequest,
) -> (tokio::task::JoinHandle<Result<v1::InstanceChange, tonic::Status>>, v1::HostQuery) {
    loop {
        let (mut asker, request) = (admin.clone(), request.clone());
        let mut asking =
            tokio::spawn(async move { asker.install_instance(request).await.map(tonic::Response::into_inner) });
        tokio::select! {
            query = agent.query() => return (asking, query),
            recorded = &mut asking => {
                let plan = recorded.expect("no fault").expect("nothing stands against it").plan;
                assert!(!not_asked(&plan).is_empty(), "{plan:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_change_is_refused_for_what_its_host_says_and_silence_is_told() {
    use v1::query_reply::Kind;
    let (_harness, mut admin, _, mut agent) = fleet().await;
    let request = v1::InstallInstanceRequest { dry_run: true, ..wanted("notes-1") };
    let plan = admin.install_instance(request.clone()).await.expect("nothing stands against it").into_inner().plan;
    assert_eq!(not_asked(&plan), [NotAskedReason::AgentTooOld], "{plan:?}");
    let v1::from_agent::Kind::Hello(greeting) = hello(now()) else { unreachable!("it is a hello") };
    agent.say(v1::from_agent::Kind::Hello(v1::Hello { replies_to_claims: true, ..greeting })).await;
    agent.say(v1::from_agent::Kind::Complete(v1::Complete {})).await;
    for dry_run in [true, false] {
        let request = v1::InstallInstanceRequest { dry_run, ..request.clone() };
        let (asked, query) =
            install_asked(&admin, &mut agent, &v1::InstallInstanceRequest { dry_run: true, ..request.clone() }).await;
        let Some(v1::host_query::Kind::Claims(claims)) = &query.kind else { panic!("{query:?}") };
        assert_eq!(claims.instance, "notes-1");
        assert_eq!(claims.claims.as_ref().map(|it| it.project.as_str()), Some("notes-1"));
        let (name, owner) = ("notes-1_data".to_owned(), PartOwner::Unknown);
        let failure = OrderFailure::ForeignVolume { name, owner };
        let answer = |kind| tokio_stream::iter([v1::QueryReply { query: query.id, kind: Some(kind) }]);
        let claims = v1::ClaimsReply { failure: Some(failure.clone().into()) };
        agent.client.reply(answer(Kind::Claims(claims))).await.expect("somebody waits for it");
        let refused = asked.await.expect("no fault").expect_err("its host would refuse it");
        assert_eq!(refusal(&refused), CallRefusal::HostRefuses { host: lab_1(), failure: Box::new(failure) });
        // A host that does not answer has not agreed.
        let (asked, query) = install_asked(&admin, &mut agent, &request).await;
        let failure = QueryFailure::other("its Engine is away");
        let piece = v1::QueryReply { query: query.id, kind: Some(Kind::QueryFailure(failure.clone().into())) };
        agent.client.reply(tokio_stream::iter([piece])).await.expect("somebody waits for it");
        let plan = asked.await.expect("no fault").expect("nothing is known against it").plan;
        assert_eq!(not_asked(&plan), [NotAskedReason::Failed(failure)], "{plan:?}");
    }
    // A host that is asked again, and has no objection.
    let request = v1::InstallInstanceRequest { dry_run: true, ..wanted("notes-2") };
    let (asked, query) = install_asked(&admin, &mut agent, &request).await;
    let piece = v1::QueryReply { query: query.id, kind: Some(Kind::Claims(v1::ClaimsReply::default())) };
    agent.client.reply(tokio_stream::iter([piece])).await.expect("somebody waits for it");
    let plan = asked.await.expect("no fault").expect("nothing stands against it").plan;
    assert_eq!(not_asked(&plan), [], "{plan:?}");
}
