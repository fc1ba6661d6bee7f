//! Changes that compare claims run one after another, and slow templates of one operator do not block all of them.

use crate::harness::{Harness, LIMIT, Operators, bundle, install, operators, push, token};
use fleet_core::app::Bundle;
use fleet_proto::v1;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The changes of one operator at a time.
const CHANGES: usize = 8;

/// A release whose template takes a while.
fn slow() -> Bundle {
    let mut app = "app: slow\ntitle: Slow\ntemplates:\n".to_owned();
    (0..4).for_each(|number| app.push_str(&format!("  - {{from: slow.txt, to: made-{number}.txt}}\n")));
    let compose = "services:\n  web:\n    image: slow:1\n";
    let template = "{% for i in range(100) %}{% for j in range(1000) %}{% endfor %}{% endfor %}";
    let files = [("app.yaml", app.as_str()), ("compose.yaml", compose), ("slow.txt", template)];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect();
    Bundle::new(files).expect("it is within its bounds")
}

async fn operator(admin: &mut Operators, name: &str) -> Operators {
    let request =
        v1::AddOperatorRequest { name: name.to_owned(), role: v1::OperatorRole::Operator.into(), ..Default::default() };
    operators(&token(&admin.add_operator(request).await.expect("the name is free").into_inner())).await
}

fn slow_install(name: &str, dry_run: bool) -> v1::InstallInstanceRequest {
    let text = |text: &str| text.to_owned();
    let (app, version, host) = (text("slow"), text("1"), text("lab-1"));
    v1::InstallInstanceRequest { app, version, host, name: text(name), dry_run, ..Default::default() }
}

/// Two operators, eve with an instance whose release is slow, ada with another on another host.
async fn scene() -> (Harness, Operators, Operators) {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    for host in ["lab-1", "lab-2"] {
        harness.host(&mut admin, host).await;
    }
    push(&mut admin, "1", &slow()).await.expect("it is slow, and good");
    push(&mut admin, "1.1", &bundle("notes:1.1")).await.expect("it is a good bundle");
    install(&mut admin, "1.1", "lab-2", "notes-1").await.expect("nothing stands against it");
    // Its host has not reported its state, so it is rendered for the comparison.
    admin.install_instance(slow_install("slow-0", false)).await.expect("nothing stands against it");
    let (eve, ada) = (operator(&mut admin, "eve").await, operator(&mut admin, "ada").await);
    (harness, eve, ada)
}

/// Starts that many changes by one operator at the same time.
fn changes(by: &Operators, count: usize) -> JoinSet<Result<(), tonic::Status>> {
    let mut changes = JoinSet::new();
    for number in 0..count {
        let (mut by, change) = (by.clone(), slow_install(&format!("slow-{}", number + 1), true));
        changes.spawn(async move { by.install_instance(change).await.map(|_| ()) });
    }
    changes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_rendered_of_an_instance_is_not_known() {
    let (_harness, mut eve, _) = scene().await;
    let mut crowd = JoinSet::new();
    for number in 0..20 {
        let mut eve = eve.clone();
        crowd.spawn(async move {
            loop {
                let _ = eve.install_instance(slow_install(&format!("slow-{}", number + 1), true)).await;
                sleep(Duration::from_millis(10)).await;
            }
        });
    }
    let not_known = async {
        loop {
            let list = v1::ListInstancesRequest { name: "slow-0".to_owned(), ..Default::default() };
            let mut shown = eve.list_instances(list).await.expect("it is there").into_inner().instances;
            if let Some(not_known) = shown.remove(0).not_known.pop() {
                return not_known;
            }
        }
    };
    let not_known = timeout(LIMIT, not_known).await.expect("her places are taken");
    crowd.abort_all();
    assert_eq!(not_known.part(), v1::InstancePart::Volumes);
    let code = not_known.refusal.as_ref().map(v1::CallRefusal::code);
    assert_eq!(code, Some(v1::CallRefusalCode::TooManyWaiting), "{not_known:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_occupies_their_own_place_does_not_delay_the_changes_of_others() {
    let (_harness, eve, mut ada) = scene().await;
    let begun = Instant::now();
    let mut changes = changes(&eve, CHANGES);
    let mut longest = Duration::ZERO;
    while !changes.is_empty() {
        let set = v1::ConfigureInstanceRequest { name: "notes-1".to_owned(), dry_run: true, ..Default::default() };
        let asked = Instant::now();
        ada.configure_instance(set).await.expect("nothing stands against it");
        longest = longest.max(asked.elapsed());
        while changes.try_join_next().map(|done| done.expect("no fault")).is_some_and(|done| done.is_ok()) {}
    }
    let all = begun.elapsed();
    assert!(longest < all / 5, "{longest:?} of {all:?}");
}
