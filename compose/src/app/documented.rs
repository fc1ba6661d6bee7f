//! Test: `docs/apps.md` has each key of `app.yaml`, in the section of its block.

use super::definition::{AppDefinition, TemplateFile};
use super::stores::{CheckDeclaration, PasswordDeclaration, RebuildDeclaration, StoreDeclaration};
use super::{
    CommandRun, Declaration, ExecProbe, HealthRules, HttpProbe, Probe, RequiredStop, UpgradeEdge, Upgrades,
    VersionProbe,
};
use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use std::collections::BTreeSet;

/// Notes the names that a type asks for, and gives it nothing.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is nothing to read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

fn keys<T: for<'de> Deserialize<'de>>() -> BTreeSet<&'static str> {
    let mut found: &[&str] = &[];
    let _ = T::deserialize(Asked(&mut found));
    found.iter().copied().collect()
}

/// The keys in the first column of the table below a heading.
fn documented(heading: &str) -> BTreeSet<&'static str> {
    let page = include_str!("../../../docs/apps.md");
    let start = format!("\n### {heading}\n");
    let (_, after) = page.split_once(&start).unwrap_or_else(|| panic!("docs/apps.md has no section {heading}"));
    let section = after.split("\n### ").next().unwrap_or_default();
    section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

fn check<T: for<'de> Deserialize<'de>>(heading: &str) {
    assert_eq!(
        documented(heading),
        keys::<T>(),
        "docs/apps.md, section {heading}: the page is left, the code is right"
    );
}

#[test]
fn each_key_of_app_yaml_is_documented() {
    check::<AppDefinition>("Top level");
    check::<Declaration>("`values.NAME`");
    check::<TemplateFile>("`templates[]`");
    check::<HealthRules>("`health`");
    check::<HttpProbe>("`health.probes[].http`");
    check::<ExecProbe>("`health.probes[].exec`");
    check::<VersionProbe>("`health.probes[].version`");
    check::<StoreDeclaration>("`stores.NAME`");
    check::<PasswordDeclaration>("`stores.NAME.password`");
    check::<CheckDeclaration>("`stores.NAME.checks[]`");
    check::<RebuildDeclaration>("`stores.NAME.rebuild`");
    check::<Upgrades>("`upgrades`");
    check::<RequiredStop>("`upgrades.stops[]`");
    check::<UpgradeEdge>("`upgrades.edges[]`");
    check::<CommandRun>("`upgrades.edges[].before[].run`, `migrate[].run`");
    assert_eq!(keys::<Probe>(), ["exec", "http", "version"].into());
}
