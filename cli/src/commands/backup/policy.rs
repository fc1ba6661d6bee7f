//! `fleet backup policy`: when, how many, how old at most, and how often proven.

mod set;

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_list, show_one};
use crate::show::backups::{POLICIES, policy_lines};
use clap::{Args, Subcommand};
use fleet_core::command_error::CommandError;
use fleet_core::names::PolicyName;
use fleet_proto::v1::{BackupPolicyView, ListPoliciesRequest, RemovePolicyRequest};

/// Say when backups are taken, how many stay, and how often they are proven
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    Set(Box<set::PolicySetArgs>),
    /// List the policies
    #[command(visible_alias = "list")]
    Ls(PolicyLsArgs),
    /// Show one policy, with the instances that have it
    Show(PolicyShowArgs),
    /// Remove a policy (administrators); backups that there are stay
    #[command(visible_alias = "remove")]
    Rm(PolicyRmArgs),
}

#[derive(Debug, Args)]
pub struct PolicyLsArgs {
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct PolicyShowArgs {
    /// The policy to show
    #[arg(value_name = "POLICY")]
    name: PolicyName,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct PolicyRmArgs {
    /// The policy to remove
    #[arg(value_name = "POLICY")]
    name: PolicyName,
}

pub async fn run(context: &Context, command: &PolicyCommand) -> Result<ExitStatus, CommandError> {
    match command {
        PolicyCommand::Set(args) => set::run(context, args).await,
        PolicyCommand::Ls(args) => ls(context, args).await,
        PolicyCommand::Show(args) => show(context, args).await,
        PolicyCommand::Rm(args) => rm(context, args).await,
    }
}

async fn policies(context: &Context, what: &str, name: String) -> Result<Vec<BackupPolicyView>, CommandError> {
    let session = context.session().await?;
    let request = ListPoliciesRequest { name };
    let list = session.ask(what, async |_| session.backups().list_policies(request).await).await?;
    Ok(list.policies)
}

async fn ls(context: &Context, args: &PolicyLsArgs) -> Result<ExitStatus, CommandError> {
    let policies = policies(context, "list the policies", String::new()).await?;
    let look = (POLICIES, (|policy| policy.name.clone()) as fn(&BackupPolicyView) -> String);
    let none = "there is no policy yet: `fleet backup policy set daily --all`";
    show_list(context, args.output.output, &policies, look, none)?;
    Ok(ExitStatus::Done)
}

async fn show(context: &Context, args: &PolicyShowArgs) -> Result<ExitStatus, CommandError> {
    let policies = policies(context, "show the policy", args.name.to_string()).await?;
    if let Some(policy) = policies.first() {
        let now = context.now();
        show_one(context, args.output.output, policy, (|policy| policy_lines(policy, now), args.name.as_str()))?;
    }
    Ok(ExitStatus::Done)
}

async fn rm(context: &Context, args: &PolicyRmArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let request = RemovePolicyRequest { name: args.name.to_string() };
    let what = "remove the policy";
    let reply = session.ask(what, async |_| session.backups().remove_policy(request).await).await?;
    context.printer.answer(format!("{}: removed; backups that there are stay", args.name))?;
    if !reply.without.is_empty() {
        context.printer.story(format!("without a policy now: {}", reply.without.join(", ")));
    }
    Ok(ExitStatus::Done)
}
