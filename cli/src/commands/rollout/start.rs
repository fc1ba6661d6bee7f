//! `fleet rollout --version`: shows the plan, asks, starts, and watches.

use super::watch::watch;
use crate::agreement;
use crate::ask;
use crate::commands::change::DetachArgs;
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_one};
use crate::show::proposal;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::grammar::count;
use fleet_core::labels::Selector;
use fleet_core::names::{AppName, Version};
use fleet_core::rollout::Concurrency;
use fleet_core::units::Period;
use fleet_core::window::Window;
use fleet_proto::v1::{Proposal, ProposeRolloutRequest};

#[derive(Debug, Args)]
pub struct StartArgs {
    /// The version to go to
    #[arg(long, required = true, add = ArgValueCandidates::new(complete::versions))]
    version: Option<Version>,

    /// The app; not needed where the fleet has only one
    #[arg(long, add = ArgValueCandidates::new(complete::apps))]
    app: Option<AppName>,

    /// Only on hosts with these labels; see `fleet help selectors`
    #[arg(long, value_name = "SELECTOR")]
    on: Option<Selector>,

    /// Number of instances that go first, alone; all of them must succeed
    #[arg(long, value_name = "N", help_heading = "Pace")]
    canary: Option<u32>,

    /// Maximum number of parallel changes
    #[arg(long, value_name = "N|P%", help_heading = "Pace")]
    at_once: Option<Concurrency>,

    /// Time for which a wave is watched before the next begins
    #[arg(long, value_name = "PERIOD", help_heading = "Pace")]
    soak: Option<Period>,

    /// Number of failures that halts the rollout
    #[arg(long, value_name = "N", help_heading = "Pace")]
    max_failures: Option<u32>,

    /// At most N at a time among hosts that share the label's value; may be repeated
    #[arg(long, value_name = "LABEL=N", value_parser = read_per, help_heading = "Pace")]
    per: Vec<(String, u32)>,

    /// Begin only within these hours; see `fleet help windows`
    #[arg(long, value_name = "WINDOW", help_heading = "Pace")]
    window: Option<Window>,

    /// Time limit for one instance
    #[arg(long, value_name = "PERIOD", help_heading = "Pace")]
    deadline: Option<Period>,

    /// Only show the plan
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    detach: DetachArgs,

    /// With --dry-run: how to show the plan
    #[command(flatten)]
    output: OutputArgs,
}

fn read_per(text: &str) -> Result<(String, u32), String> {
    let wrong = || format!("`{text}` is not LABEL=N, such as `site=1`");
    let (label, number) = text.split_once('=').filter(|(label, _)| !label.is_empty()).ok_or_else(wrong)?;
    match number.parse() {
        Ok(0) | Err(_) => Err(wrong()),
        Ok(number) => Ok((label.to_owned(), number)),
    }
}

impl StartArgs {
    fn request(&self) -> ProposeRolloutRequest {
        let text = |value: Option<String>| value.unwrap_or_default();
        let millis = |period: Period| u64::try_from(period.as_duration().as_millis()).unwrap_or(u64::MAX);
        ProposeRolloutRequest {
            app: text(self.app.as_ref().map(ToString::to_string)),
            version: text(self.version.as_ref().map(ToString::to_string)),
            selector: text(self.on.as_ref().map(ToString::to_string)),
            canary: self.canary,
            at_once: text(self.at_once.as_ref().map(ToString::to_string)),
            soak_ms: self.soak.map(millis),
            max_failures: self.max_failures,
            per: self.per.iter().cloned().collect(),
            window: text(self.window.as_ref().map(ToString::to_string)),
            deadline_ms: self.deadline.map(millis),
            agreed: None,
        }
    }
}

pub async fn run(context: &Context, args: &StartArgs) -> Result<ExitStatus, CommandError> {
    let request = args.request();
    let what = format!("roll out {}", request.version);
    let session = context.session().await?;
    let propose = async || session.ask(&what, async |mut c| c.propose_rollout(request.clone()).await).await;
    if args.dry_run {
        let proposal = propose().await?;
        show_one(context, args.output.output, &proposal, (proposal::lines, &proposal.version))?;
        context.printer.story("this was a dry run: nothing was changed");
        return Ok(ExitStatus::Done);
    }
    let start = async |_: &Proposal, agreed| {
        let request = ProposeRolloutRequest { agreed: Some(agreed), ..request.clone() };
        session.ask(&what, async |mut c| c.start_rollout(request).await).await
    };
    let started = agreement::start(context, propose, |proposal| agree(context, args, &what, proposal), start).await?;
    let Some(started) = started else { return Ok(ExitStatus::Done) };
    if args.detach.detach {
        context.printer.answer(started.id.as_str())?;
        context.printer.story(format!("watch it with `fleet rollout show {} --follow`", started.id));
        return Ok(ExitStatus::Done);
    }
    watch(context, &started.id).await
}

/// Shows the plan and asks about it. Nothing is given back where there is nothing to do.
fn agree(context: &Context, args: &StartArgs, what: &str, proposal: &Proposal) -> Result<Option<String>, CommandError> {
    show_plan(context, args, proposal);
    let members = members(proposal);
    if members == 0 {
        context.printer.answer(format!("{}: nothing to do", proposal.version))?;
        return Ok(None);
    }
    if !args.yes {
        let question = format!("Roll {} {} out to {}?", proposal.app, proposal.version, count(members, "instance"));
        ask::agree(context, what, &question)?;
    }
    Ok(Some(proposal.plan_digest.clone()))
}

/// Confirmation is asked only for a plan that was shown.
fn show_plan(context: &Context, args: &StartArgs, proposal: &Proposal) {
    for line in proposal::lines(proposal) {
        if args.yes { context.printer.story(line) } else { context.printer.tell(line) }
    }
}

fn members(proposal: &Proposal) -> usize {
    proposal.waves.iter().map(|wave| wave.changes.len()).sum()
}
