use super::{RangeError, VersionError, VersionRange, VersionScheme};
use crate::names::Version;
use proptest::prelude::*;

fn listed(versions: &[&str]) -> VersionScheme {
    VersionScheme::Listed(versions.iter().map(|text| version(text)).collect())
}

fn version(text: &str) -> Version {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn versions_are_ordered_from_the_oldest_to_the_newest() {
    let tables: [(VersionScheme, &[&str]); 4] = [
        (
            VersionScheme::Pep440,
            &["0.9", "1.0.dev1", "1.0a1", "1.0b2", "1.0rc9", "1.0rc10", "1.0", "1.0.post1", "1.1", "1.10", "2"],
        ),
        (VersionScheme::Pep440, &["2024.05.01", "2024.10.1", "2025.1"]),
        (VersionScheme::Semver, &["0.9.9", "1.0.0-alpha", "1.0.0-rc.9", "1.0.0-rc.10", "v1", "1.2.0", "1.10.0"]),
        (listed(&["warty", "hoary", "breezy"]), &["warty", "hoary", "breezy"]),
    ];
    for (scheme, versions) in tables {
        let keys: Vec<_> = versions.iter().map(|text| scheme.key(&version(text)).expect(text)).collect();
        assert!(keys.is_sorted_by(|older, newer| older < newer), "{versions:?}: {keys:?}");
    }
}

#[test]
fn spellings_of_one_version_are_equal() {
    let tables: [(VersionScheme, &[&str], bool); 7] = [
        (VersionScheme::Pep440, &["1.2", "1.2.0", "v1.2", "1.2.0.0"], true),
        (VersionScheme::Pep440, &["1.2rc1", "1.2.rc.1", "1.2-rc1", "1.2c1"], true),
        (VersionScheme::Pep440, &["1.2", "1.20"], false),
        (VersionScheme::Pep440, &["latest", "latest"], true),
        (VersionScheme::Pep440, &["latest", "1.2"], false),
        (VersionScheme::Semver, &["1.2.0", "v1.2", "1.2.0+build.7"], true),
        (listed(&["a", "b"]), &["a", "b"], false),
    ];
    for (scheme, texts, are_same) in tables {
        for text in &texts[1..] {
            assert_eq!(scheme.is_same(texts[0], text), are_same, "{} and {text} by {scheme:?}", texts[0]);
        }
    }
}

#[test]
fn prereleases_are_known() {
    for (text, is_prerelease) in [("1.2rc1", true), ("1.2.dev3", true), ("1.2", false), ("1.2.post1", false)] {
        assert_eq!(VersionScheme::Pep440.key(&version(text)).expect(text).is_prerelease(), is_prerelease, "{text}");
    }
    for (text, is_prerelease) in [("1.2.0-rc.1", true), ("1.2.0", false)] {
        assert_eq!(VersionScheme::Semver.key(&version(text)).expect(text).is_prerelease(), is_prerelease, "{text}");
    }
}

#[test]
fn a_version_of_another_scheme_is_refused() {
    let key = |scheme: VersionScheme, text| scheme.key(&version(text)).expect_err(text);
    assert_eq!(key(VersionScheme::Pep440, "2024-05-01"), VersionError::NotPep440("2024-05-01".to_owned()));
    assert_eq!(key(VersionScheme::Semver, "1.2.3.4"), VersionError::NotSemver("1.2.3.4".to_owned()));
    assert_eq!(key(VersionScheme::Semver, "1.02"), VersionError::NotSemver("1.02".to_owned()));
    assert_eq!(key(listed(&["a"]), "b"), VersionError::NotListed("b".to_owned()));
}

#[test]
fn a_range_has_what_its_comparisons_have() {
    let semver = || VersionScheme::Semver;
    let pep440 = || VersionScheme::Pep440;
    let list = || listed(&["one", "two", "three", "four"]);
    let rows: [(VersionScheme, &str, &[&str], &[&str]); 16] = [
        (pep440(), ">=1.1,<1.3.1", &["1.1", "1.3", "1.3.0", "1.2rc1"], &["1.0", "1.3.1", "1.3.1rc1", "2"]),
        (pep440(), "==0.16.*", &["0.16", "0.16.7", "0.16rc1"], &["0.15", "0.17", "0.160"]),
        (pep440(), "==0.16.*", &["0.16.0.1"], &["0", "1", "0.1"]),
        (pep440(), "==1.0.*", &["1", "1.0.3"], &["1.1"]),
        (pep440(), "<1.3rc2", &["1.3rc1", "1.2"], &["1.3rc2", "1.3"]),
        (pep440(), ">1.3rc1", &["1.3rc2", "1.3"], &["1.3rc1", "1.3rc1.post1"]),
        (pep440(), "!=0.16.*", &["0.15", "0.17"], &["0.16", "0.16.7"]),
        (pep440(), "==1.2", &["1.2", "1.2.0", "v1.2"], &["1.2.1", "1.2rc1"]),
        (pep440(), ">1.0", &["1.1", "1.0.1"], &["1.0", "1.0.post1", "0.9"]),
        (pep440(), ">=1.4, <2", &["1.4", "1.99"], &["2", "2.0rc1", "1.3"]),
        (semver(), ">=1.1,<2", &["1.1.0", "1.9.9", "1.2.0-rc.1"], &["1.0.9", "2.0.0", "2.0.0-rc.1"]),
        (semver(), "==1.2.*", &["1.2.0", "1.2.9"], &["1.3.0", "1.20.0"]),
        (semver(), "!=1.*", &["2.0.0"], &["1.0.0", "1.9.0"]),
        (semver(), "<2.0.0-rc.2", &["2.0.0-rc.1", "1.0.0"], &["2.0.0-rc.2", "2.0.0"]),
        (list(), ">=two,<four", &["two", "three"], &["one", "four"]),
        (list(), "!=one", &["two", "four"], &["one"]),
    ];
    for (scheme, range, inside, outside) in rows {
        let range: VersionRange = range.parse().expect(range);
        let resolved = range.resolve(&scheme).expect("its versions can be read");
        let is_in = |text: &&&str| resolved.contains(&scheme.key(&version(text)).expect(text));
        assert_eq!(inside.iter().filter(is_in).count(), inside.len(), "{range} of {scheme:?} has {inside:?}");
        assert_eq!(outside.iter().filter(is_in).count(), 0, "{range} of {scheme:?} lacks {outside:?}");
    }
}

#[test]
fn what_is_no_range_is_refused() {
    let wrong = |text: &str| text.parse::<VersionRange>().expect_err(text);
    for text in ["", "1.2", ">=", "~=1.2", ">=1.1,", "=>1", ">=1 2"] {
        assert!(matches!(wrong(text), RangeError::NotAComparison(_)), "{text}");
    }
    assert_eq!(wrong(">=1.*"), RangeError::Prefix(">=1.*".to_owned()));
    assert_eq!(wrong(&[">1"; 9].join(",")), RangeError::TooMany);
}

#[test]
fn a_range_that_its_scheme_cannot_read_is_a_problem() {
    let problem = |scheme: &VersionScheme, range: &str| range.parse::<VersionRange>().expect(range).problem(scheme);
    assert_eq!(problem(&VersionScheme::Pep440, ">=1.1"), None);
    assert!(problem(&VersionScheme::Pep440, ">=breezy").is_some());
    assert!(problem(&listed(&["a", "b"]), "==a.*").is_some());
    assert_eq!(problem(&listed(&["a", "b"]), ">=a"), None);
}

#[test]
fn a_list_names_each_version_once() {
    assert_eq!(listed(&["a", "b"]).problem(), None);
    assert!(listed(&[]).problem().is_some());
    assert!(listed(&["a", "b", "a"]).problem().is_some());
}

#[test]
fn a_scheme_is_read_from_its_name_or_its_list() {
    let read = |text: &str| serde_json::from_str::<VersionScheme>(text);
    assert_eq!(read("\"pep440\"").expect("a name"), VersionScheme::Pep440);
    assert_eq!(read("\"semver\"").expect("a name"), VersionScheme::Semver);
    assert_eq!(read("[\"a\", \"b\"]").expect("a list"), listed(&["a", "b"]));
    assert!(read("\"calver\"").is_err());
    for scheme in [VersionScheme::Pep440, VersionScheme::Semver, listed(&["a"])] {
        let text = serde_json::to_string(&scheme).expect("it can be written");
        assert_eq!(read(&text).expect("it can be read"), scheme);
    }
}

proptest! {
    /// Of two versions, exactly one of `<`, `==`, `>` holds, for positions and for ranges alike; but `<` and `>` have neither
    /// the pre-releases nor the post-releases of their own bound, so only plain versions are compared here.
    #[test]
    fn a_range_agrees_with_the_order(one in "(0|[1-9])\\.(0|[1-9][0-9]?)(\\.[0-9])?", other in "(0|[1-9])\\.(0|[1-9][0-9]?)(\\.[0-9])?") {
        for scheme in [VersionScheme::Pep440, VersionScheme::Semver] {
            let key = |text: &str| scheme.key(&version(text)).expect("it is a version");
            for (sign, holds) in [("<", key(&one) < key(&other)), ("==", key(&one) == key(&other)), (">", key(&one) > key(&other))] {
                let range: VersionRange = format!("{sign}{other}").parse().expect("it is a range");
                prop_assert_eq!(range.resolve(&scheme).expect("a version").contains(&key(&one)), holds, "{} {} {}", one, sign, other);
            }
        }
    }

    #[test]
    fn no_text_makes_a_range_panic(text in ".{0,40}") {
        if let Ok(range) = text.parse::<VersionRange>() {
            prop_assert_eq!(range.to_string().parse::<VersionRange>().expect("it reads what it writes"), range);
        }
    }
}
