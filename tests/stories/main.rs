//! A whole fleet in one process, told as stories: each fails when the line of the promise is broken.

mod access;
mod away;
mod backups;
mod drift;
mod duplicates;
mod elsewhere;
mod failing;
mod fuzz;
mod instances;
mod joining;
mod pace;
mod port;
mod releases;
mod restarts;
mod seeing;
mod trouble;
