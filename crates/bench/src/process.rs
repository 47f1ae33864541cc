//! Child processes: started on the processors they are to have, measured, and stopped by pid.

use std::{
    ffi::OsString,
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::http;

/// Where a process may run. With one processor for what is measured and another for the generator, the side that is
/// measured is the one that limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// The first one, which the generator leaves alone.
    Measured,
    /// Wherever the kernel puts it.
    Any,
}

/// How many this process was given, before it left the first one.
pub fn processors() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Keeps this process, the generator, off the first processor; children that may run anywhere are told so.
///
/// # Errors
/// When `taskset` is missing.
pub fn leave_the_first_processor() -> anyhow::Result<usize> {
    let count = processors();
    if count > 1 {
        let all = format!("1-{}", count - 1);
        let status = std::process::Command::new("taskset")
            .args(["--all-tasks", "--pid", "--cpu-list", &all, &std::process::id().to_string()])
            .stdout(Stdio::null())
            .status()
            .context("taskset (util-linux) is needed")?;
        if !status.success() {
            bail!("taskset: {status}");
        }
    }
    Ok(count)
}

/// What to start.
#[derive(Debug)]
pub struct Program<'a> {
    /// Its name, for its log.
    pub name: &'a str,
    /// The binary or script.
    pub path: &'a Path,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its environment on top of ours.
    pub environment: Vec<(String, String)>,
    /// Where it runs.
    pub on: Processor,
}

impl Program<'_> {
    /// The command, on the processors it is to have. `taskset` execs it, so the pid is its own.
    pub fn command(&self) -> Command {
        let mut command = if processors() > 1 {
            let mut command = Command::new("taskset");
            command.arg("--cpu-list").arg(match self.on {
                Processor::Measured => "0".to_owned(),
                Processor::Any => format!("0-{}", processors() - 1),
            });
            command.arg(self.path);
            command
        } else {
            Command::new(self.path)
        };
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value))).kill_on_drop(true);
        command
    }

    /// Starts it with its output in `folder`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, folder: &Path) -> anyhow::Result<Process> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}.log", self.name));
        let log = File::create(&path)?;
        let child = self
            .command()
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.path.display()))?;
        let pid = child.id().context("it ended at once")?;
        Ok(Process { name: self.name.to_owned(), child, pid, log: path })
    }
}

/// A running child.
pub struct Process {
    name: String,
    child: Child,
    pid: u32,
    log: std::path::PathBuf,
}

impl Process {
    /// Waits until `path` answers with 200 at `at`; answers how long that took.
    ///
    /// # Errors
    /// When the process ends, or does not answer within 30 s.
    pub async fn ready(&mut self, at: SocketAddr, path: &str) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let request = http::request("GET", path, &[], b"");
        while http::once(at, &request).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}; see {}", self.name, self.log.display());
            }
            if begun.elapsed() > Duration::from_secs(30) {
                bail!("{} is not ready after 30 s; see {}", self.name, self.log.display());
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(begun.elapsed())
    }

    /// Resident memory now and at its largest, in MiB.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).with_context(|| format!("{} is gone", self.name))?;
        memory(&status).with_context(|| format!("no memory in the status of {}", self.name))
    }

    /// Processor time used so far.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).with_context(|| format!("{} is gone", self.name))?;
        processor_time(&stat).with_context(|| format!("no times in the stat of {}", self.name))
    }

    /// Ends it as a signal would, and waits.
    ///
    /// # Errors
    /// When it does not end within 30 s; it is killed then.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let signalled = Command::new("kill").args(["-TERM", &self.pid.to_string()]).status().await?;
        ensure!(signalled.success(), "{} could not be sent SIGTERM", self.name);
        if let Ok(status) = timeout(Duration::from_secs(30), self.child.wait()).await {
            return status.map(|_| ()).map_err(Into::into);
        }
        self.child.kill().await?;
        bail!("{} did not stop within 30 s", self.name)
    }
}

/// Resident memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Now, in MiB.
    pub now: f64,
    /// The most since the start, in MiB.
    pub peak: f64,
}

fn memory(status: &str) -> Option<Memory> {
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u32 = line.split_whitespace().next()?.parse().ok()?;
        Some(f64::from(kib) / 1024.0)
    };
    Some(Memory { now: mib("VmRSS:")?, peak: mib("VmHWM:")? })
}

/// User and system time of a process; Linux counts them in hundredths of a second on every architecture.
fn processor_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
    Some(Duration::from_millis((times.next()? + times.next()?) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mib() {
        let status = "Name:\tbcm-svc\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\n";
        assert_eq!(memory(status), Some(Memory { now: 2.0, peak: 4.0 }));
        assert_eq!(memory("Name:\tx\n"), None);
    }

    #[test]
    fn times_are_found_behind_a_name_with_spaces() {
        let stat = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 100";
        assert_eq!(processor_time(stat), Some(Duration::from_secs(2)));
    }
}
