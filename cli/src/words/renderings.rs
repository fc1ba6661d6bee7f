//! Words of releases that cannot be rendered for an instance.

use super::and_more;
use fleet_core::rendering_failure::RenderingFailure;
use fleet_proto::convert::incoming_rendering_failure;
use fleet_proto::v1;

/// Words of a rendering that waits for others.
pub const BUSY: &str = "others are being rendered; try again in a moment";

/// Returns the words of a failure as it came over the wire.
pub fn shown(failure: &v1::RenderingFailure) -> String {
    let known = incoming_rendering_failure(failure.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::RenderingFailureCode>("a reason", failure.code, &failure.arguments))
}

/// Returns the words of a failure, as the end of a sentence.
pub fn words(failure: &RenderingFailure) -> String {
    match failure {
        RenderingFailure::Other { text } => text.clone(),
        RenderingFailure::Failed { problem } => format!("the coordinator failed: {problem}"),
        RenderingFailure::RenderersBusy => BUSY.to_owned(),
        RenderingFailure::ValuesInvalid { more, problems } => {
            format!("its values do not fit: {}{}", problems.join("; "), and_more(*more, ""))
        }
        RenderingFailure::ReleaseInvalid { more, problems } => {
            format!("its release is not valid: {}{}", problems.join("; "), and_more(*more, ""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_if_the_values_or_the_release_is_to_blame() {
        let text = || "`port` is missing".to_owned();
        let values = RenderingFailure::of_values([text()]);
        assert_eq!(words(&values), "its values do not fit: `port` is missing");
        let release = RenderingFailure::ReleaseInvalid { more: 2, problems: vec![text()] };
        assert_eq!(words(&release), "its release is not valid: `port` is missing; and 2 more");
    }
}
