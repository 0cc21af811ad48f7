//! Calls from the loop into the script: the one way in, and the one way in which PHP values are released there.
//!
//! Releasing a value may run destructors, or the cycle collector, and so any code of the script. An exception of
//! those must not reach the next callback: it is taken where the value ends, and reported like an exception of a
//! callback. Code that leaves the script there (`exit()`) leaves the loop.

use ext_php_rs::types::Zval;

use super::{
    clients::Client,
    server::{On, Server},
    session::Session,
};
use crate::php::zend::{
    callback::Callback,
    thrown::{self, Outcome, State, Thrown, warn},
    values,
};

/// The connection that something is about, which `onError` is told.
pub(in crate::php) type About<'a> = Option<(&'a Session, &'a Client)>;

impl Server {
    /// Calls a callback; returns the result of `read` for its answer, or the exception that it threw. All values of
    /// the call are released before that, and nothing is pending when the next callback begins: the engine would not
    /// call it at all, and it would seem to have thrown the pending exception.
    #[inline(always)]
    pub(in crate::php) fn ask<R, const N: usize>(
        &self,
        callback: Callback,
        mut arguments: [Zval; N],
        about: About<'_>,
        read: impl FnOnce(&Zval) -> R,
    ) -> Result<Result<R, Zval>, Thrown> {
        let state = State::current();
        if state.is_in_fiber() {
            let (outcome, returned, held) = self.calls.ask(callback, arguments.into());
            return self.after(outcome, returned, held, about, read);
        }
        let (outcome, returned) = callback.ask(&mut arguments);
        let closure = callback.into_zval();
        let quiet = matches!(outcome, Outcome::Done)
            && arguments.iter().chain([&returned, &closure]).all(values::goes_quietly);
        if !quiet {
            let held = arguments.into_iter().chain([closure]).collect();
            return self.after(outcome, returned, held, about, read);
        }
        let answer = read(&returned);
        for value in arguments {
            values::release(value);
        }
        values::release(returned);
        values::release(closure);
        // The cycle collector may have run.
        if state.is_pending() { self.settle(about).map(|()| Ok(answer)) } else { Ok(Ok(answer)) }
    }

    /// The outcome of a call that may not have ended as most do.
    #[cold]
    #[inline(never)]
    fn after<R>(
        &self,
        outcome: Outcome,
        returned: Zval,
        held: Vec<Zval>,
        about: About<'_>,
        read: impl FnOnce(&Zval) -> R,
    ) -> Result<Result<R, Zval>, Thrown> {
        let answer = match outcome {
            Outcome::Done => Ok(Ok(read(&returned))),
            Outcome::Threw(error) => Ok(Err(error)),
            Outcome::Leaving(thrown) => Err(thrown),
        };
        let mut released = Ok(());
        for value in held.into_iter().chain([returned]) {
            released = released.and(self.release(value, about));
        }
        match (answer, released) {
            (answer, Ok(())) => answer,
            (Ok(Err(error)), Err(thrown)) => {
                thrown::release_aside(error);
                Err(thrown)
            }
            (_, Err(thrown)) => Err(thrown),
        }
    }

    /// Calls a callback whose answer is of no interest; its exception is reported.
    pub(in crate::php) fn call<const N: usize>(
        &self,
        callback: Callback,
        arguments: [Zval; N],
    ) -> Result<(), Thrown> {
        match self.ask(callback, arguments, None, |_| ())? {
            Ok(()) => Ok(()),
            Err(error) => self.report(error, None),
        }
    }

    /// Releases PHP values. If the script is being left already, it goes on being left.
    pub(in crate::php) fn release<T>(&self, held: T, about: About<'_>) -> Result<(), Thrown> {
        if thrown::is_pending() {
            thrown::release_aside(held);
            return Ok(());
        }
        drop(held);
        self.settle(about)
    }

    /// The same for several: each end is reported by itself.
    pub(in crate::php) fn release_all<T>(&self, held: impl IntoIterator<Item = T>) -> Result<(), Thrown> {
        let mut released = Ok(());
        for one in held {
            released = released.and(self.release(one, None));
        }
        released
    }

    /// Takes the pending exception and reports it.
    pub(in crate::php) fn settle(&self, about: About<'_>) -> Result<(), Thrown> {
        match thrown::outcome() {
            Outcome::Done => Ok(()),
            Outcome::Threw(error) => self.report(error, about),
            Outcome::Leaving(thrown) => Err(thrown),
        }
    }

    /// Gives an exception of a callback to `onError`, or shows it as a warning. Exceptions of `onError` itself, and
    /// of the values of its call when they end, are shown: reporting them could go on for ever.
    pub(in crate::php) fn report(&self, error: Zval, about: About<'_>) -> Result<(), Thrown> {
        let Some(callback) = self.callback(On::Error) else { return warn(error) };
        let connection = about.and_then(|(session, client)| client.object(&session.link));
        let arguments = vec![error, connection.unwrap_or_else(values::null)];
        let (outcome, returned, held) = self.calls.ask(callback, arguments);
        let mut shown = show(outcome);
        for value in held.into_iter().chain([returned]) {
            shown = shown.and(release_and_show(value));
        }
        shown
    }
}

fn release_and_show<T>(held: T) -> Result<(), Thrown> {
    if thrown::is_pending() {
        thrown::release_aside(held);
        return Ok(());
    }
    show(thrown::release(held))
}

fn show(outcome: Outcome) -> Result<(), Thrown> {
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::Threw(error) => warn(error),
        Outcome::Leaving(thrown) => Err(thrown),
    }
}
