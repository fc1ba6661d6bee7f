//! `images.lock`: which digest an image's reference stood for when the release was made.

use crate::compose::{Problem, Problems};
use crate::image::is_same_image;
use crate::names::Digest;
use std::collections::BTreeMap;

/// The file's name in a bundle.
pub const FILE: &str = "images.lock";

/// Image references, as the Compose file has them after its variables are filled in, and their digests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins(pub BTreeMap<String, Digest>);

impl Pins {
    /// Reads the lock file of a bundle; a bundle without one pins nothing.
    pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, Problems> {
        let Some(bytes) = files.get(FILE) else { return Ok(Self::default()) };
        super::yaml::from_bytes::<BTreeMap<String, Digest>>(FILE, bytes).map(Self).map_err(Problems::from)
    }

    /// The lock file's text.
    pub fn to_text(&self) -> String {
        let line =
            |(image, digest): (&String, &Digest)| format!("{}: {digest}\n", serde_json::Value::from(image.as_str()));
        self.0.iter().map(line).collect()
    }
}

/// Notes pins of images that no service uses, which are most likely slips.
pub fn unused(pins: &Pins, used: &[String]) -> Vec<Problem> {
    let is_unused = |image: &&String| !used.iter().any(|used| is_same_image(used, image));
    let say = |image: &String| Problem::of_file(FILE, format!("no service uses the image `{image}`"));
    pins.0.keys().filter(is_unused).map(say).collect()
}
