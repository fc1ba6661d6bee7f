//! Figures of this process, read from `/proc/self`. Names are those of Prometheus' own client libraries.

use crate::page::Page;
use std::fmt;
use std::fs;
use std::time::Duration;

/// Bytes of a page of memory, and milliseconds of a clock tick, on the platforms that fleet runs on.
const MEMORY_PAGE: u64 = 4096;
const TICK_MS: u64 = 10;

/// Writes processor time, memory, file descriptors and threads. What cannot be read is left out.
///
/// # Errors
/// Only those of the page.
pub fn write_process(page: &mut Page<'_>) -> fmt::Result {
    let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| ProcessStat::read(&text));
    let descriptors = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
    let limit = fs::read_to_string("/proc/self/limits").ok().and_then(|text| descriptor_limit(&text));
    let mut samples = page.counters("process_cpu_seconds", "Processor time of user and system.")?;
    if let Some(stat) = &stat {
        samples.counter(&[], stat.processor_seconds)?;
    }
    let gauges = [
        ("process_resident_memory_bytes", "Memory that is resident.", stat.as_ref().map(|it| it.resident_bytes)),
        ("process_virtual_memory_bytes", "Size of the address space.", stat.as_ref().map(|it| it.virtual_bytes)),
        ("process_threads", "Threads of the process.", stat.as_ref().map(|it| it.threads)),
        ("process_open_fds", "Open file descriptors.", descriptors),
        ("process_max_fds", "Limit of open file descriptors.", limit),
    ];
    for (name, help, value) in gauges {
        let mut samples = page.gauges(name, help)?;
        if let Some(value) = value {
            samples.gauge(&[], value)?;
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
struct ProcessStat {
    processor_seconds: f64,
    threads: u64,
    virtual_bytes: u64,
    resident_bytes: u64,
}

impl ProcessStat {
    /// Reads `/proc/self/stat`, as proc(5) has it: fields are counted from the end of the program's name, which may have spaces.
    fn read(text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let number = |field: usize| fields.get(field - 3)?.trim().parse::<u64>().ok();
        let ticks = number(14)? + number(15)?;
        Some(Self {
            processor_seconds: Duration::from_millis(ticks * TICK_MS).as_secs_f64(),
            threads: number(20)?,
            virtual_bytes: number(23)?,
            resident_bytes: number(24)? * MEMORY_PAGE,
        })
    }
}

fn descriptor_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_whatever_the_program_is_called() {
        let text = "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 9 0 100 8192 2 18446744073709551615 1\n";
        let stat = ProcessStat { processor_seconds: 2.0, threads: 9, virtual_bytes: 8192, resident_bytes: 8192 };
        assert_eq!(ProcessStat::read(text), Some(stat));
        let old = text.replace("150 50", "4294967296 0");
        let seconds = ProcessStat::read(&old).map(|stat| stat.processor_seconds);
        assert_eq!(seconds, Some(42_949_672.96), "a program that ran for two years has figures, too");
        assert_eq!(
            descriptor_limit("Max open files            1024                 524288               files\n"),
            Some(1024)
        );
    }
}
