//! A whole fleet in one process, tested as stories: each fails when its promise is broken.

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
mod members;
mod pace;
mod port;
mod releases;
mod restarts;
mod seeing;
mod skew;
mod spans;
mod trouble;
mod versions;
