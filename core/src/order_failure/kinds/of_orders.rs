//! Failures that have others in them, and those of orders, policies, releases and agents.

/// Adds them to those of the other modules.
macro_rules! failures_of_orders {
    ($next:ident $(, $later:ident)* => $($before:tt)*) => { $next! { $($later),* => $($before)*
    /// Words of an earlier version or of another program that no code stands for.
    #[error("{text}")]
    Other = "other" { text: String },
    /// Its host reported an outcome that the coordinator does not know.
    #[error("unknown outcome")]
    UnknownOutcome = "unknown_outcome",
    /// A failure that only the version of its host knows, by the number of its code. 0: none was given.
    #[error("unknown failure {number}: {arguments}")]
    Unknown = "unknown" { number: i32, arguments: String },
    /// The order failed, and then its rollback.
    #[error("{because}; the rollback failed too: {failure}")]
    RollbackFailed = "rollback_failed" { because: Box<OrderFailure>, failure: Box<OrderFailure> },
    /// Several things failed.
    #[error("{}", joined(failures))]
    Several = "several" { failures: Vec<OrderFailure> },
    /// Work on a store failed.
    #[error("the store `{store}`: {failure}")]
    InStore = "in_store" { store: String, failure: Box<OrderFailure> },
    /// The backup of a store could not be loaded.
    #[error("the store `{store}` could not be loaded: {failure}")]
    NotLoaded = "not_loaded" { store: String, failure: Box<OrderFailure> },
    /// The order failed, and left something that a person has to look at.
    #[error("{}; {failure}", noted(left))]
    SomethingLeft = "something_left" { left: Vec<DataNote>, failure: Box<OrderFailure> },
    /// The host's policy forbids it.
    #[error("the host's own policy forbids it: {}", policy_refusal::joined(refusals))]
    PolicyForbids = "policy_forbids" { #[serde(alias = "refusal", deserialize_with = "read_refusals")] refusals: Vec<PolicyRefusal> },
    /// The host's policy cannot be read, so that nothing is allowed.
    #[error("the host's policy cannot be read, so nothing is allowed: {problem}")]
    PolicyUnreadable = "policy_unreadable" { problem: String },
    /// The host's policy allows changes at other hours only.
    #[error("the host's policy allows changes only {hours}; next at {opens}")]
    OutsideHours = "outside_hours" { hours: Window, opens: Time },
    /// The release could not be fetched.
    #[error("{problem}")]
    ReleaseUnavailable = "release_unavailable" { problem: String },
    /// The release cannot be rendered on the host.
    #[error("{problem}")]
    ReleaseInvalid = "release_invalid" { problem: String },
    /// The values do not fit the release.
    #[error("{problem}")]
    ValuesInvalid = "values_invalid" { problem: String },
    /// The release is of another app.
    #[error("the release is not for this app: it is {app}")]
    OtherApp = "other_app" { app: String },
    /// The host found another state than the order expects.
    #[error("expected {expected}, found {found}")]
    UnexpectedState = "unexpected_state" { expected: Box<InstanceVersion>, found: Box<InstanceVersion> },
    /// The host has no such instance.
    #[error("there is no such instance")]
    InstanceMissing = "instance_missing",
    /// The host has such an instance already.
    #[error("there is such an instance already")]
    InstanceExists = "instance_exists",
    /// The agent does not understand the order.
    #[error("this fleet-agent does not understand the order: {problem}")]
    OrderUnknown = "order_unknown" { problem: String },
    /// The order's deadline passed in the middle of a step.
    #[error("its deadline of {} is over{}", Period::from(*deadline), at(doing.as_ref()))]
    DeadlineOver = "deadline_over" { #[serde(with = "crate::time::serde_millis")] deadline: Duration, doing: Option<Activity> },
    /// The rollback took longer than it may.
    #[error("it took longer than {}{}", Period::from(*limit), at(doing.as_ref()))]
    RollbackTooLong = "rollback_too_long" { #[serde(with = "crate::time::serde_millis")] limit: Duration, doing: Option<Activity> },
    /// The order's deadline passed before its first step.
    #[error("its deadline of {} was over before it could begin", Period::from(*deadline))]
    DeadlineOverBeforeStart = "deadline_over_before_start" { #[serde(with = "crate::time::serde_millis")] deadline: Duration },
    /// The agent was ended in the middle of the order.
    #[error("this host's agent was ended in the middle of it")]
    AgentRestarted = "agent_restarted",
    /// The work was interrupted again and again.
    #[error("it was interrupted {attempts} times")]
    InterruptedTooOften = "interrupted_too_often" { attempts: u32 },
    /// A fault of the agent ended the work.
    #[error("a fault of this agent ended the work; its log says more")]
    AgentFault = "agent_fault",
    /// A file of the agent's ledger cannot be read.
    #[error("{problem}")]
    LedgerUnreadable = "ledger_unreadable" { problem: LedgerProblem },
    } };
}
pub(super) use failures_of_orders;
