//! Stories of orders about data, with a database and volumes whose content is real, and repositories that are.

mod bed;
mod buckets;
mod crashes;
mod drills;
mod faults;
mod keeping;
mod lab;
mod restores;
mod stories;
