//! What we know about a platform: its `app.yaml`, its bundle of files, and how both become an instance.
//!
//! **Invariant:** a bundle and its values decide the instance completely; the same input gives the same spec anywhere.

mod bundle;
mod declaration;
mod definition;
mod health;
mod render;
mod values;

pub use bundle::{Bundle, BundleError};
pub use declaration::{Declaration, ValueType};
pub use definition::{AppDefinition, TemplateFile};
pub use health::{ExecProbe, Health, HttpProbe, Probe, VersionProbe};
pub use render::{Placement, Rendered};
pub use values::{CheckedValue, CheckedValues, Given, ValueProblem};
