//! The resources that a process and its children have used so far.

use std::{fs, io, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use nix::{
    sys::resource::{Resource, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
    unistd::{SysconfVar, sysconf},
};

/// Memory of a process tree, in KiB.
#[derive(Clone, Copy, Default)]
pub struct Memory {
    /// Resident pages; those shared between its processes count in each.
    pub rss: u64,
    /// Resident pages, each shared one divided among all that share it.
    pub pss: u64,
}

/// Time on a processor of all threads of the tree, kernel work included. Threads that have ended are not in it.
pub fn cpu(pid: u32) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for pid in tree(pid)? {
        for task in tasks(pid).unwrap_or_default() {
            let schedstat = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            // The first number: nanoseconds on a processor.
            let nanos = schedstat.split(' ').next().and_then(|nanos| nanos.parse().ok());
            sum += Duration::from_nanos(nanos.unwrap_or(0));
        }
    }
    Ok(sum)
}

/// Memory by `smaps_rollup`: exact, and slow for large processes.
pub fn memory(pid: u32) -> Result<Memory> {
    let mut memory = Memory::default();
    for pid in tree(pid)? {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let kib = |name| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
        };
        memory.rss += kib("Rss:").unwrap_or(0);
        memory.pss += kib("Pss:").unwrap_or(0);
    }
    Ok(memory)
}

/// Resident KiB by `statm`: cheap enough to be read all the time.
pub fn resident(pid: u32) -> Result<u64> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.unwrap_or(4096) as u64;
    let mut pages = 0;
    for pid in tree(pid)? {
        let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        pages += statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(pages * page / 1024)
}

/// Processor time of this process.
pub fn own_cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// Lets this process open as many files as it may.
pub fn raise_file_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot raise the limit of open files")
}

/// The process and all that descend from it. One that ends meanwhile is left out, the first must be there.
fn tree(root: u32) -> Result<Vec<u32>> {
    let mut pids = vec![root];
    let mut at = 0;
    while let Some(&pid) = pids.get(at) {
        let tasks = tasks(pid);
        if pid == root {
            tasks
                .as_ref()
                .map_err(|error| io::Error::from(error.kind()))
                .with_context(|| format!("process {pid}"))?;
        }
        for task in tasks.unwrap_or_default() {
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        at += 1;
    }
    Ok(pids)
}

fn tasks(pid: u32) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(format!("/proc/{pid}/task"))?.map(|entry| Ok(entry?.path())).collect()
}
