//! The counters of a front about its workers. The front's thread is the only writer.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Counter, Figure, MetricKind};

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The reason for which a worker died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeathReason {
    /// Its script ended, or called `exit()`.
    Exit,
    /// A fatal error of PHP's.
    Fatal,
    /// A signal, or an end without a word.
    Killed,
    /// A callback took longer than `handlerTimeout`.
    Timeout,
    /// It sent records that break the rules.
    Protocol,
}

/// The counters.
#[derive(Debug, Default)]
pub struct WorkerCounters {
    /// Workers that there shall be.
    pub wanted: Gauge,
    /// Workers that take events.
    pub ready: Gauge,
    /// The generation that serves.
    pub generation: Gauge,
    /// Milliseconds from the start of the last worker until it was ready.
    pub ready_milliseconds: Gauge,
    /// Events that workers have not finished.
    pub unfinished: Gauge,
    /// Workers that died, by reason.
    deaths: [Counter; 5],
    /// Workers that were replaced because they had reached a limit.
    pub recycled: Counter,
    /// Events that were given to a second worker.
    pub redelivered: Counter,
    /// Events that were dropped because a worker had begun them when it died.
    pub dropped: Counter,
    /// New generations.
    pub reloads: Counter,
    /// Reloads that changed nothing.
    pub failed_reloads: Counter,
}

impl WorkerCounters {
    /// Counts a worker that died.
    pub fn died(&self, reason: DeathReason) {
        if let Some(counter) = self.deaths.get(reason as usize) {
            counter.increment();
        }
    }

    /// True if a worker takes events.
    pub fn has_ready(&self) -> bool {
        self.ready.get() > 0
    }

    /// Every figure, with a label for the reason of a death.
    pub fn figures(&self) -> Vec<Figure> {
        let figure = |name, help, kind, value: u64| Figure {
            name,
            help,
            kind,
            value: i64::try_from(value).unwrap_or(i64::MAX),
        };
        let gauge = |name, help, gauge: &Gauge| figure(name, help, MetricKind::Gauge, gauge.get());
        let counter = |name, help, counter: &Counter| figure(name, help, MetricKind::Counter, counter.get());
        let mut figures = vec![
            gauge("ferrite_workers", "Workers that there shall be.", &self.wanted),
            gauge("ferrite_workers_ready", "Workers that take events.", &self.ready),
            gauge("ferrite_worker_generation", "The generation of workers that serves.", &self.generation),
            gauge(
                "ferrite_worker_ready_milliseconds",
                "Milliseconds that the last worker needed until it was ready.",
                &self.ready_milliseconds,
            ),
            gauge("ferrite_worker_events", "Events that workers have not finished.", &self.unfinished),
        ];
        figures
            .extend(DEATHS.iter().zip(&self.deaths).map(|(name, deaths)| counter(name, DEATHS_HELP, deaths)));
        figures.extend([
            counter("ferrite_workers_recycled_total", "Workers replaced for a limit.", &self.recycled),
            counter(
                "ferrite_events_redelivered_total",
                "Events given to a second worker.",
                &self.redelivered,
            ),
            counter("ferrite_events_dropped_total", "Events dropped with a worker that died.", &self.dropped),
            counter("ferrite_reloads_total", "New generations of workers.", &self.reloads),
            counter("ferrite_reloads_failed_total", "Reloads that changed nothing.", &self.failed_reloads),
        ]);
        figures
    }
}

/// The names of the deaths, in the order of [`DeathReason`].
const DEATHS: [&str; 5] = [
    "ferrite_worker_deaths_total{reason=\"exit\"}",
    "ferrite_worker_deaths_total{reason=\"fatal\"}",
    "ferrite_worker_deaths_total{reason=\"killed\"}",
    "ferrite_worker_deaths_total{reason=\"timeout\"}",
    "ferrite_worker_deaths_total{reason=\"protocol\"}",
];
const DEATHS_HELP: &str = "Workers that died.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_counts_under_its_reason() {
        let counters = WorkerCounters::default();
        counters.died(DeathReason::Timeout);
        let found = counters.figures().into_iter().find(|figure| figure.name.contains("timeout")).unwrap();
        assert_eq!(found.value, 1);
        assert_eq!(counters.figures().iter().map(|figure| figure.value).sum::<i64>(), 1);
    }
}
