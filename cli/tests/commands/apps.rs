//! Apps and their releases: pushes, and refusals.

use crate::environment::TestEnvironment;
use crate::fake::logged_in;
use crate::scene::Scene;
use fleet_core::app::{Bundle, Pins};
use fleet_core::query_failure::QueryFailure;
use fleet_proto::v1::{ImageDigest, ReleaseView, ResolveImagesReply};
use insta::assert_snapshot;

const APP: [(&str, &str); 2] = [
    (
        "app/app.yaml",
        "app: notes\nvalues:\n  registry: { type: string, default: \"\" }\n  password: { type: string, secret: true, required: true }\n",
    ),
    (
        "app/compose.yaml",
        "services:\n  web:\n    image: ${REGISTRY}notes:${FLEET_VERSION}\n    environment:\n      PASSWORD: ${PASSWORD}\n",
    ),
];

fn with_app(environment: &TestEnvironment) {
    APP.iter().for_each(|(path, text)| environment.write(path, text));
}

#[test]
fn an_app_is_pushed_with_its_images_pinned() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let image = |failure: &str| ImageDigest {
        image: "notes:1.2".to_owned(),
        digest: if failure.is_empty() { digest.clone() } else { String::new() },
        failure: Some(failure).filter(|text| !text.is_empty()).map(|text| QueryFailure::other(text).into()),
    };
    let release = ReleaseView { app: "notes".to_owned(), ..Default::default() };
    let images = ResolveImagesReply { images: vec![image("")], host: "lab-1".to_owned() };
    let (fake, environment) = logged_in(Scene { release, images, ..Default::default() });
    with_app(&environment);
    assert_snapshot!(environment.run("fleet app push FOLDER/app --version 1.2").text(), @r"
    exit 0
    stdout:
    notes@1.2 sha256:21b1a30cdab70127c72cfb9f29b9793343525d94acd8408fecaeba4771e114a9

    stderr:
    notes:1.2 is sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a (lab-1)
    3 files, 406 B
    ");
    let bundle = Bundle::decode(&fake.scene().bundle).expect("it is a bundle");
    assert_eq!(Pins::of(bundle.files()).expect("it has pins").0["notes:1.2"].to_string(), digest);
    assert!(fake.heard().contains(bundle.digest().as_str()), "the digest is that of the pinned bundle");
    fake.scene().images.images = vec![image("no such image")];
    assert_snapshot!(environment.run("fleet app push FOLDER/app --version 1.2").text(), @r"
    exit 0
    stdout:
    notes@1.2 sha256:6dab765305afef8133bb1f3647ec58cfb79d494685b3b583a7ee97de4bdf71a2

    stderr:
    warning: notes:1.2 is not pinned by digest: no such image
    2 files, 294 B
    ");
    assert_snapshot!(environment.run("fleet app push FOLDER/app --version 1.2 --no-pin").text(), @r"
    exit 0
    stdout:
    notes@1.2 sha256:6dab765305afef8133bb1f3647ec58cfb79d494685b3b583a7ee97de4bdf71a2

    stderr:
    the images are not pinned by digest: --no-pin
    2 files, 294 B
    ");
}

#[test]
fn a_wrong_app_is_not_pushed() {
    let (fake, environment) = logged_in(Scene::default());
    with_app(&environment);
    environment.write("app/compose.yaml", "services:\n  web:\n    image: notes:1\n    gpus: all\n");
    assert_snapshot!(environment.run("fleet app push FOLDER/app --version 1.2").text(), @r"
    exit 1
    stderr:
    compose.yaml:4:5: services.web.gpus: fleet does not honour this key
    error: the app in `FOLDER/app` has 1 problem
    hint: correct what is named above; `fleet app lint` looks again
    ");
    assert_eq!(fake.heard(), "");
    assert_snapshot!(environment.run("fleet app lint FOLDER/app").text(), @r"
    exit 1
    stdout:
    compose.yaml:4:5: services.web.gpus: fleet does not honour this key

    stderr:
    error: the app in `FOLDER/app` has 1 problem
    hint: correct what is named above; `fleet app lint` looks again
    ");
    assert_snapshot!(environment.run("fleet app lint FOLDER/nowhere").text(), @r"
    exit 1
    stderr:
    error: could not read the app in `FOLDER/nowhere`
      because there is no such folder
    hint: name the folder that holds app.yaml and the Compose file
    ");
}
