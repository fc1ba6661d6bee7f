//! `fleet app push`: makes an immutable release of an app's folder.

use super::images::{images_of, pin};
use super::lint::{not_rendered, refuse};
use super::read::read_bundle;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::bytes;
use crate::input::ValueArgs;
use crate::session::Session;
use clap::Args;
use fleet_core::app::{Bundle, Given};
use fleet_core::command_error::CommandError;
use fleet_core::grammar::count;
use fleet_core::names::Version;
use fleet_proto::v1::push_release_piece::Kind;
use fleet_proto::v1::{PushReleaseHead, PushReleasePiece, ReleaseView};
use fleet_render::RenderError;
use std::path::PathBuf;

/// Make an immutable release of an app's folder, named by its digest
///
/// The images are pinned: an online host resolves their tags to digests, and every instance of the release gets these.
/// Without such a host, or with --no-pin, each host pulls what the tags mean at that time. If the images' names depend
/// on values (such as a registry's address), give these values with --set.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet app push deploy/apps/labnotes --version 1.2\n  fleet app push deploy/apps/labnotes --version 1.2 --set registry=lab.example:5000/"
)]
pub struct AppPushArgs {
    /// The folder with app.yaml
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,

    /// The version that the release gets, as its users write it
    #[arg(long)]
    version: Version,

    /// Leave the images as they are named, without digests
    #[arg(long)]
    no_pin: bool,

    #[command(flatten)]
    values: ValueArgs,
}

/// The most bytes of one piece on the wire.
const PIECE: usize = 64 * 1024;

pub async fn run(context: &Context, args: &AppPushArgs) -> Result<ExitStatus, CommandError> {
    let bundle = read_bundle(&args.folder)?;
    let given = args.values.read(context)?;
    let images = check(context, args, &bundle, &given).await?;
    let session = context.session().await?;
    let bundle = match args.no_pin {
        true => {
            context.printer.story("the images are not pinned by digest: --no-pin");
            bundle
        }
        false => pin(context, &session, bundle, (&args.version, images)).await?,
    };
    let release = send(&session, &args.version, &bundle).await?;
    let is_there = if release.already_there { " (it was there already)" } else { "" };
    context.printer.story(format!("{}, {}", count(bundle.files().len(), "file"), bytes(bundle.encode().len() as u64)));
    context.printer.answer(format!("{}@{} {}{is_there}", release.app, release.version, release.digest))?;
    Ok(ExitStatus::Done)
}

/// Tells all problems; else the images.
async fn check(
    context: &Context,
    args: &AppPushArgs,
    bundle: &Bundle,
    given: &Given,
) -> Result<Vec<String>, CommandError> {
    let mut session = context.renderer.session().await.map_err(not_rendered)?;
    let mut problems = session.lint(bundle, Some(&args.version)).await.map_err(not_rendered)?.problems;
    let mut images = Vec::new();
    if problems.is_empty() {
        match images_of(&mut session, bundle, &args.version, given).await {
            Ok(found) => images = found,
            Err(RenderError::Refused(found)) => problems = found,
            Err(error) => return Err(not_rendered(error)),
        }
    }
    problems.0.iter().for_each(|problem| context.printer.tell(problem.to_string()));
    refuse(&args.folder, &problems).map(|()| images)
}

async fn send(session: &Session, version: &Version, bundle: &Bundle) -> Result<ReleaseView, CommandError> {
    let head = PushReleaseHead { version: version.to_string(), digest: bundle.digest().to_string() };
    let mut pieces = vec![PushReleasePiece { kind: Some(Kind::Head(head)) }];
    let encoded = bundle.encode();
    let parts = encoded.chunks(PIECE).map(|part| PushReleasePiece { kind: Some(Kind::Bundle(part.to_vec())) });
    pieces.extend(parts);
    let stream = tokio_stream::iter(pieces);
    session.ask(&format!("push {version}"), async |mut c| c.push_release(stream).await).await
}
