//! Words of coded messages. Other crates return codes with arguments; text for people is made only here.

pub mod hints;
