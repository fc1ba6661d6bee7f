//! Files and dumps as research platforms have them, the same ones every time.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

pub struct Data {
    pub tree: PathBuf,
    pub dump: PathBuf,
    /// A thousandth of its rows are others, evenly scattered.
    pub second_dump: PathBuf,
    scale: f64,
}

/// A stream of numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn fill(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }
}

impl Data {
    pub fn make(folder: &Path, scale: f64) -> anyhow::Result<Self> {
        let tree = folder.join("tree");
        fs::create_dir_all(&tree)?;
        let times = |count: f64| (count * scale).ceil() as u64;
        small_files(&tree.join("entries"), times(12_000.0))?;
        arrays(&tree.join("arrays"), times(60.0))?;
        images(&tree.join("images"), times(50.0))?;
        let (dump, second_dump) = (folder.join("dump.sql"), folder.join("second.sql"));
        write_dump(&dump, times(2_870_000.0), |_| false)?;
        write_dump(&second_dump, times(2_870_000.0), |row| row % 1000 == 499)?;
        let data = Self { tree, dump, second_dump, scale };
        // The first one must not read from a cold disk.
        for file in [&data.dump, &data.second_dump] {
            std::io::copy(&mut File::open(file)?, &mut std::io::sink())?;
        }
        Ok(data)
    }

    /// Changes and adds a few files.
    pub fn change(&self) -> anyhow::Result<()> {
        small_files(&self.tree.join("later"), (300.0 * self.scale).ceil() as u64)
    }

    pub fn rewind(&mut self) -> anyhow::Result<()> {
        let later = self.tree.join("later");
        if later.exists() {
            fs::remove_dir_all(later)?;
        }
        Ok(())
    }
}

fn small_files(folder: &Path, count: u64) -> anyhow::Result<()> {
    for number in 0..count {
        let mut chance = Chance(number * 31 + 7);
        let folder = folder.join(format!("{:03}", number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&folder)?;
        }
        let mut text = format!("{{\"entry_id\":\"{:016x}\",\"results\":[", chance.next());
        for value in 0..100 + chance.next() % 400 {
            text.push_str(&format!(
                "{{\"step\":{value},\"energy\":{:.6}}},",
                (chance.next() % 1_000_000) as f64 / -1e4
            ));
        }
        text.push_str("null]}");
        fs::write(folder.join(format!("{number}.archive.json")), text)?;
    }
    Ok(())
}

/// 600 MB of measured values, and 250 MB of the same ones, shifted by a few bytes.
fn arrays(folder: &Path, count: u64) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for number in 0..count {
        let mut chance = Chance(number + 101);
        let mut value = 1.0_f64;
        let bytes: Vec<u8> = (0..1_250_000_u32)
            .flat_map(|_| {
                value += ((chance.next() % 2001) as f64 - 1000.0) / 1e6;
                ((value * 1e6).round() / 1e6).to_le_bytes()
            })
            .collect();
        fs::write(folder.join(format!("{number}.npy")), &bytes)?;
        if number % 12 < 5 {
            let mut shifted = chance.fill(1 + number as usize % 50);
            shifted.extend_from_slice(&bytes);
            fs::write(folder.join(format!("{number}-copy.npy")), shifted)?;
        }
    }
    Ok(())
}

/// 500 MB that cannot be packed.
fn images(folder: &Path, count: u64) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for number in 0..count {
        fs::write(folder.join(format!("{number}.tif")), Chance(number + 1001).fill(10_000_000))?;
    }
    Ok(())
}

fn write_dump(path: &Path, rows: u64, is_updated: impl Fn(u64) -> bool) -> anyhow::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(
        file,
        "--\n-- PostgreSQL database dump\n--\n\nCOPY public.analyses (id, surface, name, hash, state, result, at) FROM stdin;"
    )?;
    for row in 0..rows {
        let mut chance = Chance(row * 2 + 1 + u64::from(is_updated(row)) * 1_000_000_007);
        let (hash, value) = (chance.next(), chance.next());
        let state = if is_updated(row) { "su" } else { "pe" };
        writeln!(
            file,
            "{row}\t{}\tsurface-{}-roughness-analysis\t{hash:016x}{value:016x}\t{state}\t{{\"rms\": {:.9}, \"skewness\": {:.9}, \"unit\": \"nm\", \"warnings\": [], \"version\": \"1.4.5\", \"function\": \"topobank.rms\"}}\t2026-{:02}-{:02} 12:{:02}:{:02}.{:06}+00",
            row / 20,
            row / 20,
            (hash % 1_000_000_007) as f64 / 1e6,
            (value % 1_000_000_009) as f64 / 1e6,
            row / 300_000 % 12 + 1,
            row / 10_000 % 28 + 1,
            row / 60 % 60,
            row % 60,
            value % 1_000_000,
        )?;
    }
    writeln!(file, "\\.\n\n--\n-- PostgreSQL database dump complete\n--")?;
    file.flush()?;
    Ok(())
}

/// Bytes that a source yields at once.
pub const PIECE: usize = 64 * 1024;

/// Passes a file on in pieces, like the output of a container.
pub fn in_pieces(path: &Path, mut each: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            count => each(&piece[..count])?,
        }
    }
}
