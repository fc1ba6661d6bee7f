//! Definition of an app: its `app.yaml`, its bundle of files, and how both become an instance.
//!
//! **Invariant:** a bundle and its values decide the instance completely; the same input gives the same spec anywhere.

mod actions;
mod bundle;
mod check;
mod compare;
mod declaration;
mod definition;
#[cfg(test)]
mod documented;
mod encoding;
mod folder;
mod health;
mod lint;
mod pins;
mod render;
mod sandbox;
mod stores;
mod template;
mod upgrades;
mod values;
mod variables;
mod yaml;

pub use actions::{ActionPhase, CommandRun, UpgradeAction};
pub use bundle::{BYTE_LIMIT, Bundle, BundleError, FILE_LIMIT};
pub use compare::{Comparison, CountRule};
pub use declaration::{Declaration, ValueType};
pub use definition::{AppDefinition, TemplateFile};
pub use encoding::ENCODED_LIMIT;
pub use health::{ExecProbe, HealthRules, HttpProbe, Probe, VersionProbe};
pub use lint::{LintReport, LintSummary, images, images_telling, lint, lint_telling};
pub use pins::Pins;
pub use render::{Placement, PreparedRelease, Rendered, render, render_telling};
pub use sandbox::sandbox;
pub use stores::{CheckDeclaration, PasswordDeclaration, StoreDeclaration};
pub use upgrades::{DataEffect, RequiredStop, UpgradeEdge, Upgrades};
pub use values::{CheckedValue, CheckedValues, Given, ValueProblem};

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
