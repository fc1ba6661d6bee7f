//! The images of a release that is about to be pushed, and their digests.

use super::lint::not_rendered;
use crate::context::Context;
use crate::session::Session;
use crate::words::queries;
use fleet_core::app::{
    AppDefinition, Bundle, CheckedValues, Declaration, Given, Pins, Placement, ValueProblem, ValueType,
};
use fleet_core::command_error::CommandError;
use fleet_core::compose::{Problem, Problems};
use fleet_core::names::{Digest, NameError, Version};
use fleet_proto::v1::ResolveImagesRequest;
use fleet_render::RenderError;
use std::collections::BTreeMap;

/// The file with the digests in a bundle.
const LOCK: &str = "images.lock";

/// The images that the release will ask for, by the values of `given` and the defaults.
pub async fn images_of(
    session: &mut fleet_render::Session,
    bundle: &Bundle,
    version: &Version,
    given: &Given,
) -> Result<Vec<String>, RenderError> {
    let definition = AppDefinition::of(bundle).map_err(RenderError::Refused)?;
    let mut all = given.clone();
    for (name, declaration) in &definition.values {
        if declaration.default.is_none() && !all.contains_key(name) {
            all.insert(name.clone(), stand_in(declaration));
        }
    }
    let values = CheckedValues::check(&definition.values, &all);
    let values = values.map_err(|wrong| RenderError::Refused(of_values(&wrong)))?;
    let placement = placement(version);
    let wrong = |error: NameError| RenderError::Refused(Problem::of_file("app.yaml", error.to_string()).into());
    session.images(bundle, &values, &placement.map_err(wrong)?).await
}

fn of_values(wrong: &[ValueProblem]) -> Problems {
    Problems(wrong.iter().map(|problem| Problem::of_file("--set", problem.to_string())).collect())
}

fn placement(version: &Version) -> Result<Placement, NameError> {
    let (instance, host) = ("instance".parse()?, "host".parse()?);
    Ok(Placement { instance, host, version: version.clone(), working_dir: "/srv/instance".to_owned() })
}

/// A value of the right type where instances must give their own. Image names seldom depend on those.
fn stand_in(declaration: &Declaration) -> String {
    match declaration.kind {
        ValueType::String => "value".to_owned(),
        ValueType::Integer => declaration.min.or(declaration.max).unwrap_or(1).to_string(),
        ValueType::Boolean => "false".to_owned(),
        ValueType::Port => "40000".to_owned(),
        ValueType::Duration => "1m".to_owned(),
        ValueType::Size => "1g".to_owned(),
        ValueType::Choice => declaration.choices.first().cloned().unwrap_or_default(),
        ValueType::Path => "/srv/value".to_owned(),
    }
}

/// Writes the digests of the images into the bundle, as far as a host can resolve them.
pub async fn pin(
    context: &Context,
    session: &Session,
    bundle: Bundle,
    wanted: (&Version, Vec<String>),
) -> Result<Bundle, CommandError> {
    let (version, images) = wanted;
    let Some(found) = resolve(context, session, images).await else {
        return Ok(bundle);
    };
    let pinned = with_pins(&bundle, &found)?;
    let mut rendering = context.renderer.session().await.map_err(not_rendered)?;
    if rendering.lint(&pinned, Some(version)).await.map_err(not_rendered)?.problems.is_empty() {
        return Ok(pinned);
    }
    // The rest are names that depend on the given values: a release cannot carry their digests.
    let usual = images_of(&mut rendering, &bundle, version, &Given::new()).await.unwrap_or_default();
    let (kept, lost): (BTreeMap<_, _>, BTreeMap<_, _>) =
        found.into_iter().partition(|(image, _)| usual.contains(image));
    for image in lost.keys() {
        let why = "its name depends on what an instance sets";
        context.printer.tell(format!("warning: {image} is not pinned by digest: {why}"));
    }
    with_pins(&bundle, &kept)
}

fn with_pins(bundle: &Bundle, found: &BTreeMap<String, Digest>) -> Result<Bundle, CommandError> {
    let failed = || CommandError::refused("could not pin the images");
    let mut pins = Pins::of(bundle.files()).map_err(|problems| failed().because(problems))?;
    if found.is_empty() {
        return Ok(bundle.clone());
    }
    pins.0.extend(found.clone());
    let mut files = bundle.files().clone();
    files.insert(LOCK.to_owned(), pins.to_text().into_bytes());
    Bundle::new(files).map_err(|error| failed().because(error))
}

/// Returns the present digests of images from a host. None if no host could be asked.
async fn resolve(context: &Context, session: &Session, images: Vec<String>) -> Option<BTreeMap<String, Digest>> {
    let request = ResolveImagesRequest { images };
    let reply = match session.ask("resolve the images", async |mut c| c.resolve_images(request).await).await {
        Ok(reply) => reply,
        Err(error) => {
            let why = error.cause().unwrap_or("no host answered");
            context.printer.tell(format!("warning: the images are not pinned by digest: {why}"));
            return None;
        }
    };
    let mut found = BTreeMap::new();
    for image in reply.images {
        match image.digest.parse() {
            Ok(digest) => {
                context.printer.story(format!("{} is {digest} ({})", image.image, reply.host));
                found.insert(image.image, digest);
            }
            Err(_) => {
                let why = image.failure.as_ref().map_or_else(|| "no digest is known".to_owned(), queries::shown);
                context.printer.tell(format!("warning: {} is not pinned by digest: {why}", image.image));
            }
        }
    }
    Some(found)
}
