//! The lines that an instance's containers print.

use super::engine::DockerEngine;
use super::inspect::containers_of;
use crate::runtime::{LogLine, LogRequest, LogStream, RuntimeError};
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::query_parameters::LogsOptions;
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::COMPOSE_SERVICE;
use fleet_core::time::Time;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Maximum bytes of a line; the rest of the line is dropped.
pub const LINE_LIMIT: usize = 16 * 1024;

type Lines = BoxStream<'static, Result<LogLine, RuntimeError>>;

/// The lines of all containers asked for, as they come.
pub fn logs(engine: Arc<DockerEngine>, request: LogRequest) -> Lines {
    let lines = async move {
        let of_containers = open(&engine, &request).await?;
        Ok::<_, RuntimeError>(stream::select_all(of_containers))
    };
    stream::once(lines).try_flatten().boxed()
}

async fn open(engine: &Arc<DockerEngine>, request: &LogRequest) -> Result<Vec<Lines>, RuntimeError> {
    let docker = engine.docker().await?;
    let options = LogsOptions {
        follow: request.follow.is_on(),
        stdout: true,
        stderr: true,
        timestamps: true,
        tail: request.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string()),
        ..LogsOptions::default()
    };
    let mut all = Vec::new();
    for container in containers_of(engine, request).await? {
        let labels = super::container::labels_of(&container);
        let service = labels.get(COMPOSE_SERVICE).cloned().unwrap_or_default();
        if request.service.as_ref().is_some_and(|wanted| *wanted != service) {
            continue;
        }
        let output = docker.logs(&container.id.unwrap_or_default(), Some(options.clone()));
        all.push(lines(Arc::clone(engine), service, output.boxed()));
    }
    Ok(all)
}

/// Splits the output of a container into lines; buffers at most one line of each of its two streams.
fn lines(engine: Arc<DockerEngine>, service: String, output: BoxStream<'static, Result<LogOutput, Error>>) -> Lines {
    let step = FailedStep::ReadLog(service.to_owned());
    let start = (output, Cutter::new(service));
    let lines = stream::try_unfold(start, |(mut output, mut cutter)| async move {
        loop {
            if let Some(line) = cutter.pop() {
                return Ok(Some((line, (output, cutter))));
            }
            match output.next().await {
                Some(piece) => cutter.push(piece?),
                None if cutter.finish() => {}
                None => return Ok(None),
            }
        }
    });
    lines.map_err(move |error| engine.error(&step, error)).boxed()
}

/// Puts pieces together until a line ends.
struct Cutter {
    service: String,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// True while the rest of a line is dropped, for each stream.
    is_dropping: [bool; 2],
    ready: std::collections::VecDeque<LogLine>,
}

impl Cutter {
    fn new(service: String) -> Self {
        let ready = std::collections::VecDeque::new();
        Self { service, stdout: Vec::new(), stderr: Vec::new(), is_dropping: [false; 2], ready }
    }

    fn pop(&mut self) -> Option<LogLine> {
        self.ready.pop_front()
    }

    fn push(&mut self, piece: LogOutput) {
        let (stream, bytes) = match piece {
            LogOutput::StdErr { message } => (LogStream::Stderr, message),
            LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
                (LogStream::Stdout, message)
            }
        };
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.push_part(stream, part);
        }
    }

    fn push_part(&mut self, stream: LogStream, part: &[u8]) {
        let (text, ends) = match part.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (part, false),
        };
        let is_dropping = self.is_dropping[stream as usize];
        if !is_dropping {
            let line = self.line_mut(stream);
            let begins = line.is_empty();
            // The Engine repeats the moment in front of each piece of a long line.
            let text = if begins { text } else { after_stamp(text).1 };
            // The moment in front of a line does not count.
            let room = (LINE_LIMIT + STAMP_LIMIT).saturating_sub(line.len());
            line.extend_from_slice(&text[..text.len().min(room)]);
            if text.len() > room || line.len() >= LINE_LIMIT + STAMP_LIMIT {
                self.emit(stream);
                self.is_dropping[stream as usize] = true;
            }
        }
        if ends && !std::mem::take(&mut self.is_dropping[stream as usize]) {
            self.emit(stream);
        }
    }

    fn line_mut(&mut self, stream: LogStream) -> &mut Vec<u8> {
        match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        }
    }

    fn emit(&mut self, stream: LogStream) {
        let line = std::mem::take(self.line_mut(stream));
        let (at, text) = after_stamp(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let mut text = String::from_utf8_lossy(text).into_owned();
        // Replacing invalid bytes may have lengthened the text.
        text.truncate(text.floor_char_boundary(LINE_LIMIT));
        self.ready.push_back(LogLine { service: self.service.clone(), stream, at, text });
    }

    /// Emits the last line without a line end; returns whether there was one.
    fn finish(&mut self) -> bool {
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            if !self.line_mut(stream).is_empty() {
                self.emit(stream);
            }
        }
        !self.ready.is_empty()
    }
}

/// A moment in nanoseconds and the space behind it.
const STAMP_LIMIT: usize = 36;

/// Takes off the moment that the Engine puts in front of a line.
fn after_stamp(line: &[u8]) -> (Option<Time>, &[u8]) {
    let head = &line[..line.len().min(STAMP_LIMIT)];
    let Some(space) = head.iter().position(|byte| *byte == b' ') else { return (None, line) };
    let stamp = std::str::from_utf8(&line[..space]).ok().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let Some(stamp) = stamp else { return (None, line) };
    let millis = u64::try_from(stamp.unix_timestamp_nanos() / 1_000_000).ok();
    (millis.map(Time), &line[space + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "2026-11-20T06:26:38.123456789Z";

    fn check(pieces: &[String], expect: &[&str]) {
        let mut cutter = Cutter::new("web".to_owned());
        for piece in pieces {
            cutter.push(LogOutput::StdOut { message: piece.clone().into() });
        }
        cutter.finish();
        let found: Vec<_> = cutter.ready.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn pieces_become_lines() {
        check(&[format!("{STAMP} a\n{STAMP} b"), format!("{STAMP} c\r\n")], &["a", "bc"]);
    }

    #[test]
    fn what_has_no_end_is_given_out_at_the_end() {
        check(&[format!("{STAMP} a")], &["a"]);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let long = "x".repeat(LINE_LIMIT);
        let pieces = [format!("{STAMP} {long}"), format!("{STAMP} {long}"), format!("{STAMP} y\n{STAMP} z\n")];
        check(&pieces, &[&long, "z"]);
    }

    #[test]
    fn a_line_without_a_moment_is_kept_as_it_is() {
        check(&["plain text\n".to_owned()], &["plain text"]);
    }

    #[test]
    fn a_secret_is_masked_wherever_a_line_comes_apart() {
        for secret in ["Zq8!vLw2#nXe5@Rt", "s3cret", "data"] {
            let line = format!("{STAMP} SECRET_KEY='{secret}'\n");
            for at in 1..line.len() {
                let mut cutter = Cutter::new("web".to_owned());
                for piece in [&line[..at], &line[at..]] {
                    cutter.push(LogOutput::StdOut { message: piece.to_owned().into() });
                }
                cutter.finish();
                let mask = crate::mask::Mask::new([secret]);
                let said: Vec<String> = cutter.ready.into_iter().map(|line| mask.apply(line.text)).collect();
                assert_eq!(said, ["SECRET_KEY='***'"], "{secret} at {at}");
            }
        }
    }

    #[test]
    fn the_moment_is_read() {
        let (at, rest) = after_stamp(b"1970-01-01T00:00:01.5Z hello");
        assert_eq!((at, rest), (Some(Time(1500)), &b"hello"[..]));
    }
}
