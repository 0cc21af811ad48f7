//! What a process and its children have used so far.

use std::{fs, path::Path, time::Duration};

/// CPU time and memory of a process tree.
#[derive(Clone, Copy)]
pub struct Usage {
    pub cpu: Duration,
    pub rss_kib: f64,
}

/// Reads it from `/proc`; `None` without a process.
pub fn usage(pid: Option<u32>) -> Result<Option<Usage>, String> {
    let Some(pid) = pid else { return Ok(None) };
    let mut usage = Usage { cpu: Duration::ZERO, rss_kib: 0.0 };
    add(pid, &mut usage).map_err(|e| format!("cannot read the usage of process {pid}: {e}"))?;
    Ok(Some(usage))
}

fn add(pid: u32, usage: &mut Usage) -> std::io::Result<()> {
    let process = Path::new("/proc").join(pid.to_string());
    for task in fs::read_dir(process.join("task"))? {
        let task = task?.path();
        // The first number: nanoseconds on a processor, kernel work included.
        let schedstat = fs::read_to_string(task.join("schedstat"))?;
        let nanos = schedstat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        usage.cpu += Duration::from_nanos(nanos);
        for child in fs::read_to_string(task.join("children")).unwrap_or_default().split_whitespace() {
            if let Ok(child) = child.parse() {
                add(child, usage)?;
            }
        }
    }
    let rollup = fs::read_to_string(process.join("smaps_rollup"))?;
    let rss = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    usage.rss_kib += rss.unwrap_or(0.0);
    Ok(())
}
