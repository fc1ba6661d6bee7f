//! Parts around containers: files, networks, volumes.

use super::language::{found, spec};
use super::{WEB_ANEW, check};
use crate::steps::{KeptVolume, Step, steps};

#[test]
fn a_file_that_changed_is_written_and_one_that_is_gone_is_removed() {
    check("web:1\nfile a x\nfile b x", "web:1\nfile a y", "write a, remove b\nwait until the instance is healthy");
}

#[test]
fn a_network_that_changed_is_made_anew_and_all_in_it_with_it() {
    check(
        "web:1\nnetwork net 1",
        "web:1\nnetwork net 2",
        "pull web:1\n\
         stop p-web-1\n\
         remove p-web-1\n\
         remove network net\n\
         create network net\n\
         create p-web-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_network_that_is_there_twice_is_made_anew() {
    check(
        "web:1\nimage web:1\nnetwork net\nnetwork net",
        "web:1\nnetwork net",
        "stop p-web-1\nremove p-web-1\nremove network net\ncreate network net\ncreate p-web-1\nstart p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_network_that_nobody_wants_goes_after_the_gate() {
    check(
        "web:1\nnetwork net\nnetwork old",
        "web:1\nnetwork net",
        "wait until the instance is healthy\nremove network old",
    );
}

#[test]
fn a_volume_that_is_no_longer_wanted_stays() {
    check("web:1\nvolume data", "web:1", "");
}

#[test]
fn what_others_should_have_made_is_expected_before_anything_is_touched() {
    check(
        "web:1\nimage web:2",
        "web:2\nexternal network lab\nexternal volume scans",
        &format!("find network lab | find volume scans\n{WEB_ANEW}"),
    );
}

#[test]
fn a_successor_inherits_volumes_that_nobody_named() {
    let mut found = found("web:1\nimage web:2");
    let volume = KeptVolume { volume: "f00d".to_owned(), target: "/data".to_owned() };
    found.containers[0].anonymous = vec![volume.clone()];
    let stages = steps(&found, &spec("web:2"));
    let create = stages.iter().flat_map(|stage| &stage.steps).find_map(|step| match step {
        Step::Create { keeps, .. } => Some(keeps.clone()),
        _ => None,
    });
    assert_eq!(create, Some(vec![volume]));
}
