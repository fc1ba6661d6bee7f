//! A tool that runs: its two streams apart, its silence and its time measured, its exit code asked for at the end.

use super::Output;
use super::ending::{EndOnDrop, Exit};
use crate::runtime::RuntimeError;
use bollard::container::LogOutput;
use fleet_core::backup::Tool;
use fleet_core::failed_step::{FailedStep, ToolTask};
use futures_util::StreamExt;
use hyper::body::Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Maximum bytes of a tool's error output that are kept for people.
const WORDS_LIMIT: usize = 2048;
/// The most that may come before the tool's word that it has started.
const EARLY_LIMIT: usize = 4 << 20;
/// A shell's own codes for a command that cannot be run or found.
const NOT_STARTED: [i64; 2] = [126, 127];

pub struct Running {
    pub task: ToolTask,
    service: String,
    /// Output of the tool on the other stream before the first line.
    word: Vec<u8>,
    has_begun: bool,
    output: Output,
    ending: EndOnDrop,
    /// Output before that line: the two streams may overtake each other.
    early: VecDeque<Bytes>,
    words: Vec<u8>,
    idle: Duration,
    deadline: Instant,
    limit: Duration,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("task", &self.task).finish_non_exhaustive()
    }
}

impl Running {
    pub fn new(
        tool: &Tool,
        mark: &str,
        output: impl futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send + 'static,
        ending: EndOnDrop,
    ) -> Self {
        let limit = tool.deadline.as_duration();
        Self {
            task: tool.task.clone(),
            service: tool.at.service().to_owned(),
            word: format!("fleet-tool {mark}\n").into_bytes(),
            has_begun: false,
            output: output.boxed(),
            ending,
            early: VecDeque::new(),
            words: Vec::new(),
            idle: tool.idle.as_duration(),
            deadline: Instant::now() + limit,
            limit,
        }
    }

    /// The next of its output; none when it has ended well. After an error there is nothing more.
    pub async fn next(&mut self) -> Option<Result<Bytes, RuntimeError>> {
        loop {
            if self.has_begun
                && let Some(bytes) = self.early.pop_front()
            {
                return Some(Ok(bytes));
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            match timeout(left.min(self.idle), self.output.next()).await {
                Err(_) => return Some(Err(self.too_long(left).await)),
                Ok(None) => return self.ended().await.err().map(Err),
                Ok(Some(Err(error))) => {
                    let error = self.ending.engine.error(&FailedStep::ReadTool(self.task.clone()), error);
                    self.ending.end().await;
                    return Some(Err(error));
                }
                Ok(Some(Ok(LogOutput::StdErr { message }))) => self.hear(&message),
                Ok(Some(Ok(piece))) => {
                    let bytes = piece.into_bytes();
                    if bytes.is_empty() {
                        continue;
                    }
                    self.early.push_back(bytes);
                    if !self.has_begun && self.early.iter().map(Bytes::len).sum::<usize>() > EARLY_LIMIT {
                        self.ending.end().await;
                        return Some(Err(self.not_started()));
                    }
                }
            }
        }
    }

    /// Ends the tool, because it is of no use any more.
    pub async fn end(&mut self) {
        self.ending.end().await;
    }

    fn hear(&mut self, message: &[u8]) {
        self.words.extend_from_slice(message);
        if !self.has_begun
            && let Some(at) = find(&self.words, &self.word)
        {
            self.words.drain(at..at + self.word.len());
            self.has_begun = true;
        }
        let surplus = self.words.len().saturating_sub(WORDS_LIMIT);
        self.words.drain(..surplus);
    }

    async fn too_long(&mut self, left: Duration) -> RuntimeError {
        self.ending.end().await;
        let (task, words) = (self.task.clone(), self.words());
        if left <= self.idle {
            RuntimeError::ToolSlow { task, limit: self.limit, words }
        } else {
            RuntimeError::ToolSilent { task, limit: self.idle, words }
        }
    }

    /// Waits for the end of both streams; only the exit code tells whether the dump is complete.
    async fn ended(&mut self) -> Result<(), RuntimeError> {
        let code = match self.ending.exit().await? {
            Exit::Code(code) => code,
            Exit::Unknown => {
                self.ending.end().await;
                return Err(RuntimeError::Interrupted { step: FailedStep::ReadTool(self.task.clone()) });
            }
        };
        if !self.has_begun {
            return Err(self.not_started());
        }
        match code {
            0 => Ok(()),
            code if NOT_STARTED.contains(&code) => Err(RuntimeError::NoTool {
                service: self.service.clone(),
                tool: "command".to_owned(),
                detail: self.line(),
            }),
            code => Err(RuntimeError::ToolFailed { task: self.task.clone(), code, words: self.words() }),
        }
    }

    fn not_started(&self) -> RuntimeError {
        let early: Vec<u8> = self.early.iter().flatten().copied().take(WORDS_LIMIT).collect();
        let said = [early, self.words.clone()].concat();
        RuntimeError::NoTool { service: self.service.clone(), tool: "sh".to_owned(), detail: one_line(&said) }
    }

    fn line(&self) -> String {
        one_line(&self.words)
    }

    /// Returns its output as the end of a sentence.
    fn words(&self) -> String {
        let line = self.line();
        if line.is_empty() { line } else { format!(": {line}") }
    }
}

/// Returns the last part of the output in one line.
fn one_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let words: Vec<_> = text.split_whitespace().collect();
    let line = words.join(" ");
    let start = line.len().saturating_sub(600);
    let start = (start..line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or(line.len());
    line[start..].chars().filter(|c| !c.is_control()).collect()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
