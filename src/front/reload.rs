//! A new generation of workers. It serves when all of it is ready; if it does not get ready, nothing changes.

use std::time::{Duration, Instant};

use super::{
    deaths::NOT_NEEDED,
    generations::{Reload, Slot},
    management::Answer,
    run::Front,
    worker::State,
};
use crate::port::LogLevel;

impl Front {
    /// Starts a new generation. If it does not get ready, the old one goes on.
    pub(super) fn reload(&mut self) {
        if let Some(certificates) = self.server.certificates()
            && let Err(error) = certificates.reload()
        {
            self.say(
                LogLevel::Error,
                "the certificates are not read again",
                [("reason", &*error.to_string())],
            );
        }
        if self.consumer.stopping().is_some() {
            return;
        }
        if let Some(reload) = &self.generations.reload {
            if reload.since.elapsed() < READY_TIME {
                self.generations.again = true;
                return;
            }
            self.give_reload_up("it was not ready when another reload was asked for");
        }
        let number = self.generations.number + 1;
        let mut keys = Vec::new();
        for index in 0..self.generations.size() {
            match self.start_worker(index, number) {
                Ok(key) => keys.push(key),
                Err(error) => {
                    self.generations.reload = Some(Reload { number, keys, since: Instant::now() });
                    return self.give_reload_up(&error.to_string());
                }
            }
        }
        self.generations.reload = Some(Reload { number, keys, since: Instant::now() });
    }

    /// If every worker of the new generation is ready, it serves from here on.
    pub(super) fn finish_reload(&mut self) {
        let workers = &self.workers;
        let is_ready =
            |key: &u64| workers.iter().any(|worker| worker.key == *key && worker.state >= State::Waiting);
        let Some(reload) = self.generations.reload.take_if(|reload| reload.keys.iter().all(is_ready)) else {
            return;
        };
        self.generations.number = reload.number;
        for worker in self.workers.iter_mut().filter(|worker| reload.keys.contains(&worker.key)) {
            worker.state = State::Ready;
        }
        self.counters.reloads.increment();
        let mut old = Vec::new();
        for (slot, key) in self.generations.slots.iter_mut().zip(&reload.keys) {
            old.extend(slot.current.replace(*key));
            old.extend(slot.coming.take());
            *slot = Slot { current: Some(*key), ..Slot::default() };
        }
        old.into_iter().for_each(|key| self.retire(key));
        self.count_ready();
        self.choose_leader();
        self.unpark();
        let (number, took) = (reload.number, reload.since.elapsed().as_secs_f64());
        self.say(LogLevel::Info, &format!("reloaded: generation {number} serves after {took:.3} s"), []);
        self.answer_reload(&Answer::Reloaded { generation: number, seconds: took });
        if std::mem::take(&mut self.generations.again) {
            self.reload();
        }
    }

    /// The new generation does not serve.
    pub(super) fn give_reload_up(&mut self, why: &str) {
        let Some(reload) = self.generations.reload.take() else { return };
        self.counters.failed_reloads.increment();
        let number = self.generations.number.to_string();
        self.say(
            LogLevel::Error,
            "the reload has failed and changes nothing",
            [("reason", why), ("generation", &number)],
        );
        self.answer_reload(&Answer::Failed { reason: why.to_owned() });
        for key in reload.keys {
            self.worker_mut(key).into_iter().for_each(|worker| worker.kill(NOT_NEEDED));
        }
        if std::mem::take(&mut self.generations.again) {
            self.reload();
        }
    }
}

/// Time for a new generation to get ready before another reload may take its place.
const READY_TIME: Duration = Duration::from_secs(5);
