//! Main loop of the worker: renders the requests on its standard input, until it is closed.

use super::frame::{self, ANSWER_LIMIT, REQUEST_LIMIT};
use super::job::{Answer, HeldBundle, Request, Said};
use fleet_core::app::{Bundle, LintReport};
use fleet_core::compose::{Problem, Problems};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, Read, Write};
use std::process::ExitCode;

/// Bytes of memory that a worker may ask for; beyond it ends.
pub(crate) const MEMORY: u64 = 256 << 20;
/// Processor time of one job after which a worker ends by itself, for example because its caller was killed.
const JOB_SECONDS: u64 = 60;

/// Serves requests on standard input and output. To be the whole of a hidden subcommand's life.
pub fn main() -> ExitCode {
    confine();
    match serve(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // The caller has gone.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Limits memory, and leaves no core file, which would hold secrets. Where the system does not let us, the caller's
/// deadline is left.
fn confine() {
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    let _ = setrlimit(Resource::Core, limit(0));
    let _ = setrlimit(Resource::Data, limit(MEMORY));
}

/// Limits the processor time of the next job. A worker may have any number of jobs.
fn limit_job() {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec.unsigned_abs();
    let maximum = getrlimit(Resource::Cpu).maximum;
    let _ = setrlimit(Resource::Cpu, Rlimit { current: Some(used + JOB_SECONDS), maximum });
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut held = None;
    while let Some(request) = take(input)? {
        let Request { job, with_bundle } = serde_json::from_slice(&request)?;
        if with_bundle {
            let bundle = take(input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            held = Some(HeldBundle::new(Bundle::decode(&bundle).map_err(io::Error::other)?));
        }
        let held = held.as_mut().ok_or_else(|| io::Error::other("the first request has no bundle"))?;
        limit_job();
        let output = std::cell::RefCell::new(&mut *output);
        let begun = |template: &str| {
            // If the caller has gone, the answer fails as well.
            let _ = say(&mut **output.borrow_mut(), &Said::Begun(template.to_owned()));
        };
        let answer = job.carry_out(held, &begun);
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
            Answer::HostUse(_) => Answer::HostUse(Err(problems)),
            Answer::Linted(_) => Answer::Linted(LintReport { problems, summary: None }),
            Answer::Images(_) => Answer::Images(Err(problems)),
        },
        Said::Begun(_) => Answer::Rendered(Err(problems)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_has_processor_time_of_its_own() {
        let used = || clock_gettime(ClockId::ProcessCPUTime).tv_sec.unsigned_abs();
        limit_job();
        let first = getrlimit(Resource::Cpu).current.expect("it is limited");
        let begun = used();
        while used() <= begun {
            std::hint::spin_loop();
        }
        limit_job();
        assert!(getrlimit(Resource::Cpu).current.expect("it is limited") > first);
    }
}
