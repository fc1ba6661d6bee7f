//! Main loop of the worker: renders the requests on its standard input, until it is closed.

use super::frame::{self, ANSWER_LIMIT, REQUEST_LIMIT};
use super::job::{Answer, Job, Said};
use fleet_core::app::{Bundle, LintReport};
use fleet_core::compose::{Problem, Problems};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io::{self, Read, Write};
use std::process::ExitCode;

/// Bytes of memory that a worker may ask for; beyond it ends.
pub(crate) const MEMORY: u64 = 256 << 20;
/// Processor time after which a worker ends by itself, for example because its caller was killed.
const PROCESSOR_SECONDS: u64 = 300;

/// Serves requests on standard input and output. To be the whole of a hidden subcommand's life.
pub fn main() -> ExitCode {
    confine();
    match serve(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // The caller has gone.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Limits memory and time, and leaves no core file, which would hold secrets. Where the system does not let us, the caller's
/// deadline is left.
fn confine() {
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    let _ = setrlimit(Resource::Core, limit(0));
    let _ = setrlimit(Resource::Data, limit(MEMORY));
    let _ = setrlimit(Resource::Cpu, limit(PROCESSOR_SECONDS));
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    while let Some(job) = take(input)? {
        let bundle = take(input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let job: Job = serde_json::from_slice(&job)?;
        let bundle = Bundle::decode(&bundle).map_err(io::Error::other)?;
        let output = std::cell::RefCell::new(&mut *output);
        let begun = |template: &str| {
            // If the caller has gone, the answer fails as well.
            let _ = say(&mut **output.borrow_mut(), &Said::Begun(template.to_owned()));
        };
        let answer = job.carry_out(&bundle, &begun);
        say(&mut **output.borrow_mut(), &Said::Answer(Box::new(answer)))?;
    }
    Ok(())
}

fn take(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; 4];
    match input.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut message = vec![0; frame::length(head, REQUEST_LIMIT)?];
    input.read_exact(&mut message)?;
    Ok(Some(message))
}

fn say(output: &mut impl Write, said: &Said) -> io::Result<()> {
    let mut message = serde_json::to_vec(said)?;
    if message.len() > ANSWER_LIMIT {
        message = serde_json::to_vec(&too_large(said))?;
    }
    output.write_all(&frame::head(&message)?)?;
    output.write_all(&message)?;
    output.flush()
}

/// Returns the message in place of an answer that is too long.
fn too_large(said: &Said) -> Said {
    let text = format!("what this release becomes is larger than {} MiB", ANSWER_LIMIT >> 20);
    let problems = Problems::from(Problem::of_file("app.yaml", text));
    Said::Answer(Box::new(match said {
        Said::Answer(answer) => match &**answer {
            Answer::Rendered(_) => Answer::Rendered(Err(problems)),
            Answer::Linted(_) => Answer::Linted(LintReport { problems, summary: None }),
            Answer::Images(_) => Answer::Images(Err(problems)),
        },
        Said::Begun(_) => Answer::Rendered(Err(problems)),
    }))
}
