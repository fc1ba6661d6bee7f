//! Joining as an operator, and problems of a token.

use crate::environment::TestEnvironment;
use crate::fake::{Fake, logged_in};
use crate::scene::Scene;
use fleet_core::access::JoinToken;
use insta::assert_snapshot;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_token_becomes_a_login_that_only_its_owner_can_read() {
    let (_fake, environment) = logged_in(Scene::default());
    let path = environment.path().join("config/default/identity.json");
    let mode = path.metadata().expect("the login is kept").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_snapshot!(environment.run("fleet whoami").text(), @r"
    exit 0
    stdout:
    ada (administrator) at 127.0.0.1:PORT
    coordinator 0.1.0; your certificate lasts 24h more and renews itself
    ");
}

#[test]
fn a_token_can_be_piped() {
    let fake = Fake::start(Scene::default());
    let environment = TestEnvironment::new().piping(&format!("{}\n", fake.token));
    assert_snapshot!(environment.run("fleet login -").text(), @r"
    exit 0
    stdout:
    logged in to 127.0.0.1:PORT as ada (administrator)
    ");
}

#[test]
fn a_token_can_be_in_a_file() {
    let fake = Fake::start(Scene::default());
    let environment = TestEnvironment::new();
    environment.write("token.txt", &format!("{}\n", fake.token));
    assert_snapshot!(environment.run("fleet login --token-file FOLDER/token.txt").text(), @r"
    exit 0
    stdout:
    logged in to 127.0.0.1:PORT as ada (administrator)
    ");
    assert_snapshot!(TestEnvironment::new().run("fleet login --token-file FOLDER/nowhere").text(), @r"
    exit 1
    stderr:
    error: could not read the token in `FOLDER/nowhere`
      because No such file or directory (os error 2)
    ");
}

#[test]
fn a_token_on_the_command_line_works_and_is_warned_of() {
    let fake = Fake::start(Scene::default());
    assert_snapshot!(TestEnvironment::new().run(&format!("fleet login {}", fake.token)).text(), @r"
    exit 0
    stdout:
    logged in to 127.0.0.1:PORT as ada (administrator)

    stderr:
    warning: every user of this machine can read a token on the command line; `fleet login -` asks for it instead
    ");
}

#[test]
fn a_token_with_a_line_break_is_refused_before_anybody_is_asked() {
    let fake = Fake::start(Scene::default());
    let token = fake.token.to_string();
    let (start, end) = token.split_at(40);
    let environment = TestEnvironment::new().piping(&format!("{start}\n{end}\n"));
    assert_snapshot!(environment.run("fleet login -").text(), @r"
    exit 2
    stderr:
    error: could not read the token
      because it has a line break or a space in it
    hint: copy the token as one line, or write it to a file and use `fleet login - <FILE`
    ");
    assert_snapshot!(environment.run(&format!("fleet login {start}")).text(), @r"
    exit 2
    stderr:
    error: could not read the token
      because the token is incomplete or has a typing error; copy it whole, without a line break
    hint: copy the whole token; see `fleet help tokens`
    ");
    assert_snapshot!(environment.run("fleet login password").text(), @r"
    exit 2
    stderr:
    error: could not read the token
      because this is not a join token: it must begin with `fleet1.`
    hint: copy the whole token; see `fleet help tokens`
    ");
}

#[test]
fn the_secret_stays_at_home_when_the_port_shows_another_ca() {
    let fake = Fake::start(Scene::default());
    let token = JoinToken { ca_fingerprint: [1; 32], ..fake.token.clone() };
    assert_snapshot!(TestEnvironment::new().piping(&token.to_string()).run("fleet login -").text(), @r"
    exit 3
    stderr:
    error: could not log in
      because what answers at 127.0.0.1:PORT is not the coordinator that this identity or token belongs to
    hint: the address may be wrong, or somebody stands between: ask for a new token
    ");
    assert_eq!(fake.heard(), "");
}

#[test]
fn a_token_that_the_coordinator_does_not_know_is_refused() {
    let fake = Fake::start(Scene::default());
    let token = JoinToken { secret: [8; 32], ..fake.token.clone() };
    assert_snapshot!(TestEnvironment::new().piping(&token.to_string()).run("fleet login -").text(), @r"
    exit 1
    stderr:
    error: could not log in
      because the coordinator does not know this token
    hint: copy the whole token, or ask for a new one
    ");
}

#[test]
fn a_token_of_a_host_is_not_a_login() {
    let fake = Fake::start(Scene { subject: "host:lab-1".to_owned(), ..Default::default() });
    let environment = TestEnvironment::new().piping(&fake.token.to_string());
    assert_snapshot!(environment.run("fleet login -").text(), @r"
    exit 1
    stderr:
    error: could not log in
      because the token was for the host lab-1, and is used up now
    hint: make another with `fleet host add lab-1` for the host, and ask for your own
    ");
    assert_eq!(environment.run("fleet whoami").code, 1);
}

#[test]
fn a_second_login_does_not_spend_the_token() {
    let (fake, environment) = logged_in(Scene::default());
    let environment = environment.piping(&fake.token.to_string());
    assert_snapshot!(environment.run("fleet login -").text(), @r"
    exit 1
    stderr:
    error: could not log in
      because you are logged in to 127.0.0.1:PORT as ada; the token was not used
    hint: `fleet logout` first, or keep both with `fleet login --context NAME -`
    ");
    assert_snapshot!(environment.run("fleet --context other login -").text(), @r"
    exit 0
    stdout:
    logged in to 127.0.0.1:PORT as ada (administrator)
    ");
}

#[test]
fn after_a_logout_nobody_is_logged_in() {
    let (_fake, environment) = logged_in(Scene::default());
    assert_snapshot!(environment.run("fleet logout").text(), @r"
    exit 0
    stderr:
    logged out
    ");
    assert_snapshot!(environment.run("fleet host ls").text(), @r"
    exit 1
    stderr:
    error: you are not logged in
    hint: ask an administrator for a token (`fleet operator add YOU`), then `fleet login -`
    ");
}

/// Makes the login old, as if it had been given a day ago, and ended in an hour.
fn age(environment: &TestEnvironment) -> String {
    let path = environment.path().join("config/default/identity.json");
    let kept = std::fs::read_to_string(&path).expect("the login is kept");
    let now = crate::environment::NOW;
    let old = kept
        .replace(&format!("\"issued\":{now}"), &format!("\"issued\":{}", now - 86_400_000))
        .replace(&format!("\"expires\":{}", now + 86_400_000), &format!("\"expires\":{}", now + 3_600_000));
    assert_ne!(old, kept);
    std::fs::write(&path, &old).expect("the login can be written");
    old
}

#[test]
fn an_old_certificate_is_renewed_by_any_command() {
    let (fake, environment) = logged_in(Scene::default());
    let old = age(&environment);
    environment.run("fleet host ls").done();
    assert!(fake.heard().starts_with("Renew"));
    let path = environment.path().join("config/default/identity.json");
    assert_ne!(std::fs::read_to_string(&path).expect("the login is kept"), old);
    environment.run("fleet host ls").done();
    assert!(!fake.heard().contains("Renew"));
}

#[test]
fn of_many_commands_at_once_one_renews_an_old_certificate() {
    let (fake, environment) = logged_in(Scene::default());
    age(&environment);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| environment.run("fleet host ls").done());
        }
    });
    assert_eq!(fake.heard().matches("Renew").count(), 1);
}
