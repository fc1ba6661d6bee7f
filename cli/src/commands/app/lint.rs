//! `fleet app lint`: reports all problems of an app without a coordinator.

use super::read::read_bundle;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::show::pairs;
use clap::Args;
use fleet_core::app::{Bundle, LintSummary};
use fleet_core::command_error::CommandError;
use fleet_core::compose::Problems;
use fleet_core::grammar::count;
use fleet_render::RenderError;
use std::path::PathBuf;

/// Check an app's folder: app.yaml, the Compose file and the templates
///
/// No coordinator is needed. Files whose names begin with a dot are left out, except .env, as are those that
/// .fleetignore names.
#[derive(Debug, Args)]
pub struct AppLintArgs {
    /// The folder with app.yaml
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

pub async fn run(context: &Context, args: &AppLintArgs) -> Result<ExitStatus, CommandError> {
    let bundle = read_bundle(&args.folder)?;
    let report = context.renderer.lint(&bundle, None).await.map_err(not_rendered)?;
    for problem in &report.problems.0 {
        context.printer.answer(problem.to_string())?;
    }
    refuse(&args.folder, &report.problems)?;
    let summary = report.summary.unwrap_or_default();
    lines(&summary, &bundle).iter().try_for_each(|line| context.printer.answer(line.as_str()))?;
    Ok(ExitStatus::Done)
}

/// Returns the error of a failed rendering.
pub fn not_rendered(error: RenderError) -> CommandError {
    CommandError::refused("could not check the app").because(error)
}

/// An error unless nothing is wrong.
pub fn refuse(folder: &std::path::Path, problems: &Problems) -> Result<(), CommandError> {
    if problems.is_empty() {
        return Ok(());
    }
    let number = count(problems.0.len(), "problem");
    Err(CommandError::refused(format!("the app in `{}` has {number}", folder.display()))
        .hint("correct what is named above; `fleet app lint` looks again"))
}

fn lines(summary: &LintSummary, bundle: &Bundle) -> Vec<String> {
    let services: Vec<_> = summary.services.iter().map(|(service, image)| format!("{service} ({image})")).collect();
    let mut lines = pairs(&[
        ("app", summary.title.as_ref().map_or(summary.app.clone(), |title| format!("{}: {title}", summary.app))),
        ("files", bundle.files().keys().cloned().collect::<Vec<_>>().join(", ")),
        ("services", services.join(", ")),
        ("volumes", summary.volumes.join(", ")),
        ("values", summary.values.join(", ")),
        ("problems", "none".to_owned()),
    ]);
    lines.extend(summary.notes.iter().map(|note| format!("note: {note}")));
    lines
}
