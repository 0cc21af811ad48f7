//! The output of the commands.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use ferrite::front::management::{Status, WorkerStatus};

use crate::{FAILED, Failure};

/// Prints to standard output, which may be closed.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(FAILED, format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// A status for a reader.
pub(crate) fn table(status: &Status) -> String {
    let mut text = String::new();
    let state = match (status.stopping, status.reloading) {
        (true, _) => ", stopping",
        (false, true) => ", reloading",
        (false, false) => "",
    };
    let lines = [
        ("script", status.script.clone()),
        (
            "server",
            format!("pid {}, Ferrite {}, up {}{state}", status.pid, status.version, age(status.uptime)),
        ),
        ("addresses", status.addresses.join(" ")),
        ("connections", status.connections.to_string()),
        ("generation", status.generation.to_string()),
    ];
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<12} {value}");
    }
    text.push('\n');
    let mut rows =
        vec![["WORKER", "PID", "STATE", "GENERATION", "AGE", "UNFINISHED", "MEMORY", ""].map(str::to_owned)];
    rows.extend(status.workers.iter().map(row));
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
    let widths: Vec<usize> = (0..8).map(|column| width(column).unwrap_or(0)).collect();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

fn row(worker: &WorkerStatus) -> [String; 8] {
    [
        worker.index.to_string(),
        worker.pid.to_string(),
        worker.state.clone(),
        worker.generation.to_string(),
        age(worker.age),
        worker.unfinished.to_string(),
        memory(worker.memory),
        if worker.leader { "leader".to_owned() } else { String::new() },
    ]
}

fn memory(bytes: u64) -> String {
    if bytes == 0 { "-".to_owned() } else { format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)) }
}

/// A time with its two largest units.
fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_two_largest_units() {
        let ages = [0.4, 59.9, 61.0, 3_720.0, 90_000.0].map(age);
        assert_eq!(ages, ["0 s", "59 s", "1 min 1 s", "1 h 2 min", "1 d 1 h"]);
    }

    #[test]
    fn a_table_has_a_line_for_each_worker() {
        let worker = |index, leader| WorkerStatus {
            index,
            pid: 4_200 + u32::try_from(index).unwrap(),
            state: "ready".to_owned(),
            generation: 2,
            age: 5.0,
            unfinished: 0,
            leader,
            memory: 3 << 20,
        };
        let text = table(&Status {
            pid: 4_199,
            version: "0.1.0".to_owned(),
            script: "/srv/app.php".into(),
            uptime: 65.0,
            addresses: vec!["ws://127.0.0.1:8080".to_owned()],
            connections: 3,
            generation: 2,
            reloading: true,
            stopping: false,
            workers: vec![worker(0, true), worker(1, false)],
        });
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "server       pid 4199, Ferrite 0.1.0, up 1 min 5 s, reloading");
        assert_eq!(lines[6], "WORKER  PID   STATE  GENERATION  AGE  UNFINISHED  MEMORY");
        assert_eq!(lines[7], "0       4200  ready  2           5 s  0           3.0 MiB  leader");
        assert_eq!(lines[8], "1       4201  ready  2           5 s  0           3.0 MiB");
    }
}
