//! Stories of orders, with hands that remember.

mod bed;
mod crashes;
mod expectations;
mod links;
mod progress;
mod stories;
