//! Checks a bundle before it becomes a release: returns all problems and a summary.

use super::definition::FILE;
use super::{
    AppDefinition, Bundle, CheckedValues, Declaration, Given, Pins, Placement, Rendered, ValueType, pins, render,
    render_telling,
};
use crate::compose::{Problem, Problems, ProjectNaming};
use crate::names::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Facts about a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintReport {
    /// The bundle is fit to be a release if there are none.
    pub problems: Problems,
    /// Absent when the problems left too little to summarise.
    pub summary: Option<LintSummary>,
}

/// Content of the release, with placeholders for values without a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintSummary {
    /// Name of the app.
    pub app: String,
    /// Title of the app.
    pub title: Option<String>,
    /// Services with their images, in starting order.
    pub services: Vec<(String, String)>,
    /// Images of the release.
    pub images: Vec<String>,
    /// Volumes of the release.
    pub volumes: Vec<String>,
    /// Values with their types; `*` marks those that every instance must set.
    pub values: Vec<String>,
    /// Remarks that are no problems, but possibly unexpected.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Checks everything, with placeholders for instances' values, and for the version if none is known yet.
pub fn lint(bundle: &Bundle, version: Option<&Version>) -> LintReport {
    lint_telling(bundle, version, &|_| {})
}

/// Does the same, and calls `begun` with each template before rendering it.
pub fn lint_telling(bundle: &Bundle, version: Option<&Version>, begun: &dyn Fn(&str)) -> LintReport {
    match attempt(bundle, version, begun) {
        Ok((definition, rendered)) => {
            let used: Vec<_> = images_of(&rendered).into_iter().map(|image| bare(&image)).collect();
            let pins = Pins::of(bundle.files()).unwrap_or_default();
            let problems = Problems(pins::unused(&pins, &used));
            let notes = notes(bundle, &definition, version, begun).unwrap_or_default();
            LintReport { problems, summary: Some(LintSummary { notes, ..summary(&definition, &rendered) }) }
        }
        Err(problems) => LintReport { problems, summary: None },
    }
}

/// The images of a release for one set of values, each once, as the Engine will be asked for them.
pub fn images(bundle: &Bundle, values: &CheckedValues, placement: &Placement) -> Result<Vec<String>, Problems> {
    images_telling(bundle, values, placement, &|_| {})
}

/// Does the same, and calls `begun` with each template before rendering it.
pub fn images_telling(
    bundle: &Bundle,
    values: &CheckedValues,
    placement: &Placement,
    begun: &dyn Fn(&str),
) -> Result<Vec<String>, Problems> {
    Ok(images_of(&render_telling(bundle, values, placement, begun)?))
}

fn attempt(
    bundle: &Bundle,
    version: Option<&Version>,
    begun: &dyn Fn(&str),
) -> Result<(AppDefinition, Rendered), Problems> {
    let definition = AppDefinition::of(bundle)?;
    check_upgrades(&definition, bundle, version)?;
    let placement = placement(version)?;
    let rendered = render_telling(bundle, &stand_ins(&definition, Which::All)?, &placement, begun)?;
    check_action_services(&definition, &rendered, bundle, version)?;
    // Rendering must succeed without the optional values.
    render_telling(bundle, &stand_ins(&definition, Which::Required)?, &placement, begun)?;
    Ok((definition, rendered))
}

fn check_upgrades(definition: &AppDefinition, bundle: &Bundle, version: Option<&Version>) -> Result<(), Problems> {
    let mut problems = Problems::default();
    if let Some(upgrades) = &definition.upgrades {
        upgrades.check_whole(version, bundle.file(FILE).unwrap_or_default(), &mut problems);
    }
    problems.or(())
}

fn check_action_services(
    definition: &AppDefinition,
    rendered: &Rendered,
    bundle: &Bundle,
    version: Option<&Version>,
) -> Result<(), Problems> {
    let mut problems = Problems::default();
    if let (Some(upgrades), Some(version)) = (&definition.upgrades, version) {
        upgrades.check_services(version, &rendered.spec, bundle.file(FILE).unwrap_or_default(), &mut problems);
    }
    problems.or(())
}

fn notes(
    bundle: &Bundle,
    definition: &AppDefinition,
    version: Option<&Version>,
    begun: &dyn Fn(&str),
) -> Result<Vec<String>, Problems> {
    let values = stand_ins(definition, Which::All)?;
    let unused = render::unused_project_name(bundle, &values, &placement(version)?, begun)?;
    let of_file = (definition.project == ProjectNaming::FromCompose).then(|| {
        "the Compose project has the name that its file gives it (`project: from-compose`): a host has room for one instance"
            .to_owned()
    });
    let unused = unused.map(|name| {
        format!(
            "the Compose file's `name: {name}` does not count: each instance is a project of its own name; \
             `project: from-compose` in app.yaml keeps it, for one instance on a host"
        )
    });
    Ok(unused.into_iter().chain(of_file).collect())
}

/// Values that get a placeholder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Required,
}

/// Returns placeholders of the right types for values without a default.
fn stand_ins(definition: &AppDefinition, which: Which) -> Result<CheckedValues, Problems> {
    let is_wanted = |value: &Declaration| value.default.is_none() && (value.required || which == Which::All);
    let without_default = definition.values.iter().filter(|(_, value)| is_wanted(value));
    let given: Given = without_default
        .map(|(name, value)| {
            let text = match value.kind {
                ValueType::String => "value".to_owned(),
                ValueType::Integer => value.min.or(value.max).unwrap_or(1).to_string(),
                ValueType::Boolean => "false".to_owned(),
                ValueType::Port => stand_in_port(name, definition).to_string(),
                ValueType::Duration => "1m".to_owned(),
                ValueType::Size => "1g".to_owned(),
                ValueType::Choice => value.choices.first().cloned().unwrap_or_default(),
                ValueType::Path => format!("/srv/{name}"),
            };
            (name.clone(), text)
        })
        .collect();
    CheckedValues::check(&definition.values, &given).map_err(|problems| {
        let say = |problem: &super::ValueProblem| Problem::of_file(super::definition::FILE, problem.to_string());
        Problems(problems.iter().map(say).collect())
    })
}

/// Returns a placeholder for a port. They differ from each other, so that no port seems to be used twice.
fn stand_in_port(name: &str, definition: &AppDefinition) -> usize {
    40_000 + definition.values.keys().position(|known| known == name).unwrap_or_default()
}

fn placement(version: Option<&Version>) -> Result<Placement, Problems> {
    let name = |error: crate::names::NameError| Problems::from(Problem::of_file("lint", error.to_string()));
    Ok(Placement {
        instance: "instance".parse().map_err(name)?,
        host: "host".parse().map_err(name)?,
        version: version.cloned().map_or_else(|| "0".parse(), Ok).map_err(name)?,
        working_dir: "/srv/instance".to_owned(),
    })
}

fn images_of(rendered: &Rendered) -> Vec<String> {
    let images: BTreeSet<_> = rendered.spec.containers.iter().map(|container| container.image.clone()).collect();
    images.into_iter().collect()
}

/// The reference without its digest.
fn bare(image: &str) -> String {
    image.split_once('@').map_or(image, |(bare, _)| bare).to_owned()
}

fn summary(definition: &AppDefinition, rendered: &Rendered) -> LintSummary {
    let spec = &rendered.spec;
    let value = |(name, value): (&String, &Declaration)| {
        let kind = serde_json::to_value(value.kind).ok();
        let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let marks = [(value.required && value.default.is_none(), "*"), (value.secret, " (secret)")];
        let marks: String = marks.iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| *mark).collect();
        format!("{name}: {kind}{marks}")
    };
    LintSummary {
        app: definition.app.to_string(),
        title: definition.title.clone(),
        services: spec.containers.iter().map(|one| (one.service.clone(), one.image.clone())).collect(),
        images: images_of(rendered),
        volumes: spec.volumes.iter().map(|volume| volume.key.clone()).collect(),
        values: definition.values.iter().map(value).collect(),
        notes: Vec::new(),
    }
}
