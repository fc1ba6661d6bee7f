//! The kinds of refusals, each with its arguments and its text for logs.

use super::joined;
use super::{AdmissionRefusal, BackupRefusal, CountedThing, FileRefusal, HeldName, NamedKind, SharedWork};
use crate::access::{Role, Subject};
use crate::names::{HostName, InstanceName, OperatorName, ReleaseName, RolloutId, Version};
use crate::order_failure::OrderFailure;
use crate::plan::MemberRefusal;
use crate::policy_refusal::PolicyRefusal;
use crate::proposal::RolloutRefusal;
use crate::query_failure::QueryFailure;
use std::time::Duration;

/// Reason why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named after what they are")]
pub enum CallRefusal {
    /// Something of the coordinator failed; its log has more.
    #[error("{problem}")]
    Failed { problem: String },
    /// A fault of the coordinator ended the call.
    #[error("a bug of the coordinator; its log has more")]
    Fault,
    /// The coordinator is stopping.
    #[error("the coordinator is stopping")]
    Stopping,
    /// The coordinator has no such service.
    #[error("there is no such service")]
    NoSuchService,
    /// The connection of the caller was ended.
    #[error("this connection was ended")]
    ConnectionEnded,
    /// The caller did not take the answer.
    #[error("nobody took the answer for {} min", waited.as_secs() / 60)]
    NotTaken { waited: Duration },
    /// The caller's protocols are too old.
    #[error("this older program speaks protocol {theirs}, and the coordinator speaks {own}")]
    ProtocolOld { theirs: String, own: String },
    /// The caller's protocols are too new.
    #[error("this newer program speaks protocol {theirs}, and the coordinator speaks {own}")]
    ProtocolNew { theirs: String, own: String },
    /// The call needs a certificate.
    #[error("this call needs a certificate")]
    CertificateMissing,
    /// The certificate of the caller was revoked.
    #[error("the certificate of {subject} was revoked")]
    CertificateRevoked { subject: Subject },
    /// Only hosts may call this.
    #[error("`{operator}` is an operator, and this is for hosts")]
    ForHosts { operator: OperatorName },
    /// Only operators may call this.
    #[error("`{host}` is a host, and this is for operators")]
    ForOperators { host: HostName },
    /// The call needs another role.
    #[error("it needs the role {needed}, and `{operator}` is {role}")]
    RoleNeeded { needed: Role, operator: OperatorName, role: Role },
    /// The caller has too many calls under way.
    #[error("{caller} has {limit} calls under way")]
    TooManyCalls { caller: Subject, limit: usize },
    /// Too many calls of the operator do this work or wait for it.
    #[error("{limit} of your calls {work} or wait to do so")]
    TooManyWaiting { work: SharedWork, limit: usize },
    /// Other calls of the operator do this work, and none of them ended.
    #[error("your other calls {work} or wait to do so, and none of them ended in {} s", waited.as_secs())]
    OwnCallsSlow { work: SharedWork, waited: Duration },
    /// Others do this work, and none of them ended.
    #[error("others {work}, and none of them ended in {} s", waited.as_secs())]
    OthersSlow { work: SharedWork, waited: Duration },
    /// All processes that render are busy.
    #[error("others are being rendered")]
    RenderersBusy,
    /// There are as many as there may be, or more were asked for.
    #[error("{what}: at most {limit}")]
    TooMany { what: CountedThing, limit: usize },
    /// There is nothing of this kind and name.
    #[error("there is no {subject} `{name}`")]
    Missing { subject: NamedKind, name: String },
    /// Something of this kind has the name already.
    #[error("there is a {subject} `{name}` already")]
    NameTaken { subject: NamedKind, name: String },
    /// An instance whose installation failed has the name.
    #[error("the name `{instance}` is used already, by an instance whose installation failed")]
    NameOfFailed { instance: InstanceName },
    /// The host is in the fleet and connected.
    #[error("`{host}` is in the fleet and connected")]
    HostConnected { host: HostName },
    /// The host has instances.
    #[error("`{host}` has {}", joined(instances, *more))]
    HostHasInstances { host: HostName, more: usize, instances: Vec<InstanceName> },
    /// A part of the request cannot be read.
    #[error("{problem}")]
    Unreadable { problem: String },
    /// A field of the request has no value that this version knows.
    #[error("`{field}` has no kind that this version knows")]
    UnknownValue { field: String },
    /// A number is out of its range.
    #[error("`{field}` is {number}, which is not between {least} and {most}")]
    OutOfRange { field: String, number: u32, least: u32, most: u32 },
    /// The request has no plan that was agreed to.
    #[error("no plan was agreed to")]
    NoPlan,
    /// The plan that was agreed to is no longer what would be done.
    #[error("the plan that was agreed to is no longer what would be done")]
    PlanChanged,
    /// The id of the request was used for another request.
    #[error("its request id was used for another request")]
    RequestIdUsed,
    /// Nothing was asked for.
    #[error("nothing was asked for")]
    NothingRequested,
    /// No host with an instance has these labels.
    #[error("there is no instance on a host with `{selector}`")]
    NoneSelected { selector: String },
    /// The request names no instance.
    #[error("no instance is meant")]
    NoInstanceNamed,
    /// There are no instances.
    #[error("there are no instances")]
    NoInstances,
    /// There are several apps, and the request names none.
    #[error("there are several apps")]
    SeveralApps,
    /// A token would admit more machines of an operator than it may have.
    #[error("one operator may have {limit} machines, and it has {present}: a token for {uses} is too many")]
    TooManyUses { limit: usize, present: usize, uses: u32 },
    /// The operator is the last administrator.
    #[error("it is the last administrator")]
    LastAdministrator,
    /// A value is the text that stands for a secret one.
    #[error("`***` is how a secret `{value}` is shown, not a value")]
    HiddenValue { value: String },
    /// A value is too large.
    #[error("the value `{value}` is larger than {} KiB", limit >> 10)]
    ValueTooLarge { value: String, limit: usize },
    /// The values of an instance are too large together.
    #[error("its values are larger than {} KiB", limit >> 10)]
    ValuesTooLarge { limit: usize },
    /// The values do not fit the app.
    #[error("values: {}", joined(problems, *more))]
    ValuesInvalid { more: usize, problems: Vec<String> },
    /// The values of one instance do not fit the release.
    #[error("the values of `{instance}` do not fit: {}", joined(problems, *more))]
    MemberValuesInvalid { instance: InstanceName, more: usize, problems: Vec<String> },
    /// The release is not valid.
    #[error("{}", joined(problems, *more))]
    ReleaseInvalid { more: usize, problems: Vec<String> },
    /// The bundle is too large.
    #[error("its bundle has more than {} MiB", limit >> 20)]
    BundleTooLarge { limit: usize },
    /// Another bundle arrived than was announced.
    #[error("what arrived is {arrived}, and {announced} was announced")]
    BundleDiffers { arrived: String, announced: String },
    /// The pieces of a bundle came in another order than the protocol has.
    #[error("the pieces of the bundle came in another order than head, bundle")]
    PiecesOutOfOrder,
    /// The release exists with another content.
    #[error("{release} exists with another digest")]
    ReleaseExists { release: ReleaseName },
    /// The version was pushed in another spelling.
    #[error("{release} is the version {other}, which was pushed already")]
    VersionExists { release: ReleaseName, other: Version },
    /// The rollout cannot work.
    #[error("{refusal}")]
    Rollout { refusal: Box<RolloutRefusal> },
    /// The rollout is over.
    #[error("it is over")]
    RolloutOver,
    /// The rollout is neither paused nor halted.
    #[error("it is neither paused nor halted")]
    RolloutRuns,
    /// The instance is no member of the rollout.
    #[error("`{instance}` is no member of {rollout}")]
    NotAMember { instance: InstanceName, rollout: RolloutId },
    /// No rollout that is not over has the instance.
    #[error("no rollout that is not over has `{instance}`")]
    NoRolloutOf { instance: InstanceName },
    /// A newer rollout has the member.
    #[error("the newer rollout {rollout} has `{instance}`")]
    MemberSuperseded { instance: InstanceName, rollout: RolloutId },
    /// The order of the member is under way.
    #[error("the order of `{instance}` is under way")]
    MemberUnderWay { instance: InstanceName },
    /// No order of the member has failed.
    #[error("no order of `{instance}` has failed")]
    MemberNotFailed { instance: InstanceName },
    /// Nothing is left to do for the member.
    #[error("nothing is left to do for `{instance}`")]
    MemberHasNothingLeft { instance: InstanceName },
    /// The data of the instance may be other than before its upgrade.
    #[error("the data of `{instance}` may be other than before the upgrade")]
    DataInDoubt { instance: InstanceName },
    /// The host is not connected.
    #[error("`{host}` is not connected")]
    HostNotConnected { host: HostName },
    /// The host has too many questions to answer.
    #[error("`{host}` has too many questions to answer already")]
    HostBusy { host: HostName },
    /// The operator has too many questions to the host open.
    #[error("you have {limit} questions to `{host}` open already")]
    TooManyQuestions { host: HostName, limit: usize },
    /// The host disconnected while it answered.
    #[error("`{host}` was lost while it answered")]
    HostLost { host: HostName },
    /// The operator follows other logs of the host by now.
    #[error("you follow other logs of `{host}` now, and have one follow on each host")]
    LogsReplaced { host: HostName },
    /// The host said less than it was asked.
    #[error("`{host}` said less than it was asked")]
    AnswerCutOff { host: HostName },
    /// The host did not answer in time.
    #[error("`{host}` did not answer in {} s", waited.as_secs())]
    HostSilent { host: HostName, waited: Duration },
    /// No host is online that could be asked.
    #[error("no host is online to ask a registry")]
    NoHostOnline,
    /// The host cannot answer.
    #[error("`{host}` says: {failure}")]
    HostSays { host: HostName, failure: Box<QueryFailure> },
    /// The host's own policy forbids it.
    #[error("the policy of `{host}` forbids it: {}", joined(refusals, *more))]
    PolicyForbids { host: HostName, more: usize, refusals: Vec<PolicyRefusal> },
    /// The host would refuse the order.
    #[error("`{host}` says: {failure}")]
    HostRefuses { host: HostName, failure: Box<OrderFailure> },
    /// The instance is being removed.
    #[error("`{instance}` is being removed")]
    BeingRemoved { instance: InstanceName },
    /// The instance is being removed with other volumes.
    #[error("`{instance}` is being removed already, with other volumes")]
    RemovalUnderWay { instance: InstanceName },
    /// The installation of the instance failed.
    #[error("`{instance}` is not there: its installation failed")]
    NotInstalled { instance: InstanceName },
    /// Somebody else changed the instance at the same moment.
    #[error("somebody else changed `{instance}` at the same moment")]
    ChangedMeanwhile { instance: InstanceName },
    /// An undo puts the former values of the instance back.
    #[error("the undo {undo} puts its former values back")]
    UndoPutsBack { undo: RolloutId },
    /// The name of the Compose project would change.
    #[error(
        "the project of `{instance}` is `{present}` and would be `{planned}`: its volumes would be left behind, and it would begin with nothing"
    )]
    ProjectChanges { instance: InstanceName, present: String, planned: String },
    /// Other instances of the host have these names or ports.
    #[error("on {host}: {}", joined(names, *more))]
    NamesHeld { host: HostName, more: usize, names: Vec<HeldName> },
    /// The instance has no such volume.
    #[error("`{volume}` is not a volume of `{instance}`")]
    NotAVolume { volume: String, instance: InstanceName },
    /// Other instances of the host use the volume, too.
    #[error("the volume `{volume}` is used by {}, too", holders.join(" and "))]
    VolumeShared { volume: String, holders: Vec<String> },
    /// A request about backups or repositories is refused.
    #[error("{refusal}")]
    Backup { refusal: Box<BackupRefusal> },
    /// A machine is not admitted, or a certificate not renewed.
    #[error("{refusal}")]
    Admission { refusal: Box<AdmissionRefusal> },
    /// A host may not read or add a file, or cannot.
    #[error("{refusal}")]
    File { refusal: Box<FileRefusal> },
}

macro_rules! areas {
    ($($area:ident: $refusal:ident),+) => {
        $(impl From<$refusal> for CallRefusal {
            fn from(refusal: $refusal) -> Self {
                Self::$area { refusal: Box::new(refusal) }
            }
        })+
    };
}

areas! { Admission: AdmissionRefusal, Backup: BackupRefusal, File: FileRefusal, Rollout: RolloutRefusal }

impl From<MemberRefusal> for CallRefusal {
    fn from(refusal: MemberRefusal) -> Self {
        match refusal {
            MemberRefusal::RolloutOver => Self::RolloutOver,
            MemberRefusal::NotAMember { instance, rollout } => Self::NotAMember { instance, rollout },
            MemberRefusal::Superseded { instance, rollout } => Self::MemberSuperseded { instance, rollout },
            MemberRefusal::UnderWay(instance) => Self::MemberUnderWay { instance },
            MemberRefusal::NotFailed(instance) => Self::MemberNotFailed { instance },
            MemberRefusal::NothingLeft(instance) => Self::MemberHasNothingLeft { instance },
            MemberRefusal::DataInDoubt(instance) => Self::DataInDoubt { instance },
        }
    }
}
