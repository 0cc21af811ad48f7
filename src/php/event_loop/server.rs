//! `Ferrite\Server`: its state and its methods. How it runs is in [`run`] and [`dispatch`](super::dispatch).

use std::{cell::RefCell, rc::Rc};

use ext_php_rs::types::Zval;

use super::{
    ending,
    link::check_process,
    lost_output,
    rules::Rules,
    session::{Figures, Session},
    timers::Timers,
};
use crate::{
    config::Config,
    php::{
        classes::{gomoob::Gomoob, options::Options, workers::Workers},
        zend::{
            call::Call,
            callback::{Callback, Calls},
            engine, fork,
            objects::{Meta, Native},
            thrown::{self, Thrown},
        },
    },
    port::{Announced, Interests},
};

/// The state of a `Server` object.
#[derive(Debug)]
pub(in crate::php) struct Server {
    birth: fork::Process,
    pub(in crate::php) config: Config,
    /// The workers that the script asks for.
    pub(in crate::php) workers: Workers,
    /// The protocol on top of WebSockets, if it speaks one.
    pub(in crate::php) dialect: Option<Gomoob>,
    pub(in crate::php) logger: Option<Callback>,
    pub(in crate::php) timers: Rc<Timers>,
    pub(in crate::php) rules: Rc<Rules>,
    /// The callbacks that run in Fibers.
    pub(in crate::php) calls: Calls,
    callbacks: [RefCell<Option<Callback>>; On::COUNT],
    announced: RefCell<Announced>,
    /// The run that is on.
    session: RefCell<Option<Rc<Session>>>,
    /// The figures of the last run, when it ended.
    figures: RefCell<Option<Figures>>,
}

/// The events that a script can handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) enum On {
    Handshake,
    Open,
    Message,
    Close,
    Error,
    Drain,
    Start,
    Stop,
    Request,
    Join,
    Leave,
    Authorize,
    Attach,
    Detach,
}

impl On {
    const COUNT: usize = 14;
}

impl Native for Server {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }

    fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        for callback in self.callbacks.iter().filter_map(|callback| callback.try_borrow().ok()) {
            callback.iter().for_each(|callback| found(callback.zval()));
        }
        self.dialect.iter().for_each(|dialect| dialect.trace(found));
        self.logger.iter().for_each(|logger| found(logger.zval()));
        self.calls.trace(found);
        self.timers.trace(found);
        self.rules.trace(found);
        if let Ok(session) = self.session.try_borrow() {
            session.iter().for_each(|session| session.trace(found));
        }
    }
}

impl Server {
    pub(in crate::php) fn new(options: Options) -> Self {
        let Options { config, workers, dialect, logger } = options;
        Self {
            birth: fork::Process::current(),
            config,
            workers,
            dialect,
            logger,
            timers: Rc::default(),
            rules: Rc::default(),
            calls: Calls::default(),
            callbacks: [const { RefCell::new(None) }; On::COUNT],
            announced: RefCell::default(),
            session: RefCell::new(None),
            figures: RefCell::new(None),
        }
    }

    /// The figures of the run that is on, or of the last one; `None` before the first.
    pub(in crate::php) fn figures(&self) -> Option<Figures> {
        let figures = self.session().map(|session| session.figures());
        figures.or_else(|| self.figures.borrow().clone())
    }

    /// The callback for an event: a reference of the caller's own, for the script may set another one while it runs.
    pub(in crate::php) fn callback(&self, on: On) -> Option<Callback> {
        self.callbacks.get(on as usize).and_then(|callback| callback.borrow().clone())
    }

    /// True if there is one.
    pub(in crate::php) fn has_callback(&self, on: On) -> bool {
        self.callbacks.get(on as usize).is_some_and(|callback| callback.borrow().is_some())
    }

    /// Throws in a forked child.
    pub(in crate::php) fn check_process(&self) -> Result<(), Thrown> {
        check_process(self.birth)
    }

    pub(in crate::php) fn session(&self) -> Option<Rc<Session>> {
        self.session.borrow().clone()
    }

    /// A run begins.
    pub(in crate::php) fn attach(&self, session: Rc<Session>) {
        ending::begun(&session);
        session.consumer().announce(self.announced.borrow().clone());
        self.session.replace(Some(session));
        self.tell_interests();
    }

    /// It is over.
    pub(in crate::php) fn detach(&self, over: &Session) {
        let is_it = self.session().is_some_and(|session| std::ptr::eq(&raw const *session, over));
        if is_it {
            let session = self.session.take();
            self.figures.replace(session.map(|session| session.figures()));
        }
        ending::forget_ended();
    }

    pub(in crate::php) fn listen(&self, on: On, callback: Option<Callback>) {
        let old = self.callbacks.get(on as usize).and_then(|place| place.replace(callback));
        self.tell_interests();
        drop(old);
    }

    /// Sets the topics whose joins and leaves are announced, in this run and in later ones.
    pub(in crate::php) fn announce(&self, announced: Announced) {
        if let Some(session) = self.session() {
            session.consumer().announce(announced.clone());
        }
        self.announced.replace(announced);
    }

    fn tell_interests(&self) {
        if let Some(session) = self.session() {
            session.consumer().set_interests(self.interests());
        }
    }

    /// The optional events for which the script has callbacks.
    pub(in crate::php) fn interests(&self) -> Interests {
        Interests {
            handshakes: self.has_callback(On::Handshake),
            messages: self.has_callback(On::Message) || self.has_callback(On::Authorize),
            drains: self.has_callback(On::Drain),
            requests: self.has_callback(On::Request),
            presence: self.has_callback(On::Join) || self.has_callback(On::Leave),
            kept_requests: false,
        }
    }

    /// The topics whose joins and leaves are announced.
    pub(in crate::php) fn announced(&self) -> Announced {
        self.announced.borrow().clone()
    }

    /// Before the new timer is waited for by an event loop.
    pub(in crate::php) fn timer_was_set(&self) {
        if let Some(session) = self.session()
            && !session.is_run
            && session.loops.borrow().is_empty()
        {
            session.rest(&self.timers);
        }
    }
}

impl Server {
    /// Ends a run that the script leaves; `release` lets go of each PHP value that was held.
    pub(in crate::php) fn give_up(&self, session: &Rc<Session>, release: fn(Zval)) {
        self.leave(session, release, engine::is_shutting_down() || thrown::is_exiting());
    }

    /// The same, knowing whether the script ends. Then other runs may have to end as well, and all are waited for together,
    /// when the script's own code is done.
    pub(in crate::php) fn leave(&self, session: &Rc<Session>, release: fn(Zval), script_ends: bool) {
        if session.has_ended() {
            return;
        }
        if session.is_foreign() {
            session.restore_signals();
            // The threads are in another process; their locks must not be touched.
            std::mem::forget(session.clone());
            self.detach(session);
            return;
        }
        session.say_goodbye(script_ends.then(engine::last_fatal_error).flatten().as_deref());
        if script_ends {
            lost_output::report(session);
            ending::end_later(session.clone());
        } else {
            session.abort();
        }
        let callbacks = self.timers.clear();
        let held = session.release();
        // Destructors may start the server anew.
        self.detach(session);
        callbacks.into_iter().map(Callback::into_zval).chain(held).for_each(release);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(session) = self.session() {
            // The engine ends a value of the script's, and handles the exceptions of that.
            self.give_up(&session, drop);
        }
    }
}

/// The server that a method was called on; an exception in a forked child.
pub(in crate::php) fn this<'a>(call: &Call<'a>) -> Result<&'a Server, Thrown> {
    let server = call.this::<Server>()?;
    server.check_process()?;
    Ok(server)
}
