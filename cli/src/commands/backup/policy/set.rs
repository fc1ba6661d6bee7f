//! `fleet backup policy set`.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::one_line;
use crate::show::backups::policy_lines;
use crate::words::policies;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::backup::Zone;
use fleet_core::command_error::CommandError;
use fleet_core::labels::Selector;
use fleet_core::names::{InstanceName, PolicyName, RepositoryName};
use fleet_core::units::Period;
use fleet_proto::v1::SetPolicyRequest;

/// Create a policy, or change settings of one
///
/// Options that are left out stay as they are. The defaults of a new policy are: daily, at most 26h old, drilled
/// weekly, into `central`, keeping the last 3, 7 daily, 5 weekly and 12 monthly. An instance has the policy that names
/// it; else the first by name that selects its host. Only an administrator may make a change by which fewer backups of
/// any instance are kept.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet backup policy set daily --all\n  fleet backup policy set night --schedule '5 4 * * *' --time-zone Europe/Berlin --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --keep-last 3 --max-age 26h --drill weekly --on site=de\n  fleet backup policy set hourly --schedule @hourly --max-age 3h --instance notes-1 --to central --to offsite"
)]
pub struct PolicySetArgs {
    /// The policy to make or to change
    #[arg(value_name = "POLICY")]
    name: PolicyName,

    /// Schedule: five or six fields of cron, or @hourly, @daily, @weekly, @monthly
    #[arg(long, value_name = "CRON", help_heading = "When")]
    schedule: Option<String>,

    /// Time zone of hours and days: a name such as Europe/Berlin, an offset such as +02:00, or UTC
    #[arg(long, value_name = "ZONE", help_heading = "When")]
    time_zone: Option<Zone>,

    /// Begin by itself only within these hours; '' is always; see `fleet help windows`
    #[arg(long, value_name = "WINDOW", help_heading = "When")]
    window: Option<String>,

    /// Maximum distance between the starts of one slot
    #[arg(long, value_name = "PERIOD", help_heading = "When")]
    spread: Option<String>,

    /// Time limit for one backup or drill
    #[arg(long, value_name = "PERIOD", help_heading = "When")]
    deadline: Option<String>,

    /// Maximum age of the newest backup before it counts as late
    #[arg(long, value_name = "PERIOD")]
    max_age: Option<Period>,

    /// Interval of drills: hourly, daily, weekly, monthly, a period, or never
    #[arg(long, value_name = "OFTEN")]
    drill: Option<String>,

    /// Maximum bytes per second to and from repositories, such as 10m; '' means no limit
    #[arg(long, value_name = "RATE")]
    limit_rate: Option<String>,

    #[command(flatten)]
    keep: KeepArgs,

    /// Repository to back up into; may be repeated
    #[arg(long, value_name = "REPOSITORY")]
    to: Vec<RepositoryName>,

    #[command(flatten)]
    given: GivenArgs,

    /// Maximum number of parallel backups and drills of the whole fleet, for all policies
    #[arg(long, value_name = "N")]
    fleet_at_once: Option<u32>,

    /// Only show the result
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "How many stay")]
struct KeepArgs {
    /// Number of the newest backups to keep
    #[arg(long, value_name = "N")]
    keep_last: Option<u32>,

    /// Number of hours of which the last backup is kept
    #[arg(long, value_name = "N")]
    keep_hourly: Option<u32>,

    /// Number of days of which the last backup is kept
    #[arg(long, value_name = "N")]
    keep_daily: Option<u32>,

    /// Number of weeks of which the last backup is kept
    #[arg(long, value_name = "N")]
    keep_weekly: Option<u32>,

    /// Number of months of which the last backup is kept
    #[arg(long, value_name = "N")]
    keep_monthly: Option<u32>,

    /// Number of years of which the last backup is kept
    #[arg(long, value_name = "N")]
    keep_yearly: Option<u32>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "For whom")]
struct GivenArgs {
    /// Apply to all instances
    #[arg(long, conflicts_with = "on")]
    all: bool,

    /// Apply to instances on hosts with these labels; see `fleet help selectors`
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    on: Option<Selector>,

    /// Apply to this instance; may be repeated
    #[arg(long = "instance", value_name = "INSTANCE", add = ArgValueCandidates::new(complete::instances))]
    instances: Vec<InstanceName>,

    /// Take it from those that it was given to before
    #[arg(long)]
    for_others: bool,
}

pub async fn run(context: &Context, args: &PolicySetArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let request = request(args);
    let policy = session.ask("set the policy", async |_| session.backups().set_policy(request).await).await?;
    policy_lines(&policy, context.now()).iter().try_for_each(|line| context.printer.answer(line.as_str()))?;
    let objections = policy.objections.iter().map(policies::objection);
    objections.for_each(|one| context.printer.story(format!("warning: {}", one_line(&one))));
    if args.dry_run {
        context.printer.story("this was a dry run: nothing was changed");
    }
    Ok(ExitStatus::Done)
}

fn request(args: &PolicySetArgs) -> SetPolicyRequest {
    let all = args.given.all.then(String::new);
    SetPolicyRequest {
        name: args.name.to_string(),
        schedule: args.schedule.clone(),
        time_zone: args.time_zone.as_ref().map(ToString::to_string),
        keep_last: args.keep.keep_last,
        keep_hourly: args.keep.keep_hourly,
        keep_daily: args.keep.keep_daily,
        keep_weekly: args.keep.keep_weekly,
        keep_monthly: args.keep.keep_monthly,
        keep_yearly: args.keep.keep_yearly,
        max_age: args.max_age.map(|age| age.to_string()),
        drill: args.drill.clone(),
        window: args.window.clone(),
        limit_rate: args.limit_rate.clone(),
        deadline: args.deadline.clone(),
        spread: args.spread.clone(),
        to: args.to.iter().map(ToString::to_string).collect(),
        selector: args.given.on.as_ref().map(ToString::to_string).or(all),
        instances: args.given.instances.iter().map(ToString::to_string).collect(),
        for_others: args.given.for_others,
        dry_run: args.dry_run,
        fleet_at_once: args.fleet_at_once,
    }
}
