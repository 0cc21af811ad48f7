//! The three ways to run: `run()`, `start()` with `poll()`, and `stop()` from outside.

use std::{
    io::ErrorKind,
    os::unix::net::UnixStream,
    process,
    rc::Rc,
    time::{Duration, Instant},
};

use ext_php_rs::types::Zval;

use super::{
    dispatch::{close, deal, dispatch_batch, dispatch_events},
    ending, log,
    retire::{detach_all, serve_timers_left},
    server::{On, Server},
    session::{Session, Woken},
    timers::Timers,
    workers::{self, Role},
};
use crate::{
    php::{
        classes::options,
        zend::{
            calls,
            engine::{self, Ended},
            nesting::Nesting,
            output, place,
            signals::Mask,
            thrown::{self, ExceptionKind, Thrown, throw},
        },
    },
    port::{CloseCode, Event, remote},
    runtime::{self, Notifier},
};

/// Serves until the server is stopped.
pub(in crate::php) fn run(server: &Server, this: &Zval) -> Result<(), Thrown> {
    let session = match workers::role(server)? {
        Role::Alone => begin(server, true)?,
        Role::Worker(socket) => begin_worker(server, socket)?,
        Role::Front(count) => return workers::be_front(count),
    };
    session.take_signals();
    let ended = conduct(&session, || {
        started(server, &session, this)?;
        serve(server, &session)?;
        detach_all(server, &session)?;
        serve_timers_left(server, &session)?;
        finish(server, &session, this)
    });
    conclude(server, session, ended)
}

/// Begins to serve; the callbacks run in [`poll`].
pub(in crate::php) fn start(server: &Server, this: &Zval) -> Result<(), Thrown> {
    let session = begin(server, false)?;
    let ended = conduct(&session, || started(server, &session, this));
    let result = conclude(server, session.clone(), ended);
    session.is_starting.set(false);
    session.rest(&server.timers);
    result
}

/// Runs due callbacks; waits for the first one if none is due.
///
/// In a callback that itself runs it is refused: it would run the next callback inside that one, which may do the
/// same. In a Fiber of its own it is allowed, because such a Fiber keeps no other code waiting.
pub(in crate::php) fn poll(server: &Server, this: &Zval, timeout: Duration) -> Result<usize, Thrown> {
    let session = server.session().ok_or_else(|| throw(ExceptionKind::State, "The server is not started"))?;
    if session.is_run {
        return Err(throw(ExceptionKind::State, "The server is run by run()"));
    }
    if session.is_starting.get() {
        return Err(throw(ExceptionKind::State, "The server is not started yet"));
    }
    if session.loops.borrow().contains(&engine::current_fiber()) {
        let why = "poll() was called inside a callback: return from it, or wait in a Fiber of your own";
        return Err(throw(ExceptionKind::State, why));
    }
    check_depth()?;
    let until = Instant::now().checked_add(timeout);
    session.rise();
    if engine::current_fiber() != 0 {
        // A callback may suspend this Fiber, and then the event loop must be woken for new events.
        session.rest(&server.timers);
    }
    let ended = conduct(&session, || {
        loop {
            let ran = dispatch_batch(server, &session)?;
            if session.is_over() && !is_left_to_another(&session)? {
                finish(server, &session, this)?;
                return Ok(ran);
            }
            if ran > 0 || until.is_some_and(|until| Instant::now() >= until) || session.is_over() {
                return Ok(ran);
            }
            sleep(&session, Some(&server.timers), until)?;
        }
    });
    let result = conclude(server, session.clone(), ended);
    session.rest(&server.timers);
    result
}

/// Ends the run: inside a callback the loop around it does the work, elsewhere it is done here.
pub(in crate::php) fn stop(server: &Server, this: &Zval, grace: Duration) -> Result<(), Thrown> {
    let Some(session) = server.session() else { return Ok(()) };
    session.order_stop(grace);
    let fiber = engine::current_fiber();
    if session.loops.borrow().iter().any(|active| *active == fiber || *active == 0) {
        return Ok(());
    }
    // A loop of this run in another Fiber does the work then, if there is one.
    if !session.loops.borrow().is_empty() && is_too_deep()? {
        return Ok(());
    }
    check_depth()?;
    let ended = conduct(&session, || {
        while !session.is_over() {
            // The remaining timers are not for a run that ends.
            dispatch_events(server, &session)?;
            if !session.is_over() {
                sleep(&session, None, None)?;
            }
        }
        finish(server, &session, this)
    });
    conclude(server, session, ended)
}

/// True if a loop of this run that will go on by itself ends it: the one in whose callback this one was called. One
/// in a suspended Fiber may never go on.
fn is_left_to_another(session: &Session) -> Result<bool, Thrown> {
    let current = engine::current_fiber();
    // Not borrowed while the engine is asked.
    let loops = session.loops.borrow().clone();
    for fiber in loops {
        if fiber != current && (fiber == 0 || !calls::is_suspended(fiber)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Begins the run of a worker: introduces it to its front.
fn begin_worker(server: &Server, socket: UnixStream) -> Result<Rc<Session>, Thrown> {
    check_depth()?;
    let consumer = remote::connect(socket, &workers::hello(server)).map_err(|error| match error.kind() {
        // The front has ended, and has said why.
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => process::exit(1),
        _ => throw(ExceptionKind::State, &format!("The front does not take this worker: {error}")),
    })?;
    place::show_to_front(consumer.note());
    let session = Rc::new(Session::of_worker(consumer, &server.rules));
    server.attach(session.clone());
    Ok(session)
}

fn begin(server: &Server, is_run: bool) -> Result<Rc<Session>, Thrown> {
    let sapi = engine::sapi();
    if !SAPIS.contains(&sapi.as_str()) {
        return Err(throw(
            ExceptionKind::State,
            &format!(
                "A server runs in PHP's command line (SAPI cli), not in {sapi}: start it with `php server.php`"
            ),
        ));
    }
    if server.session().is_some() {
        return Err(throw(ExceptionKind::State, "The server runs already"));
    }
    check_depth()?;
    options::check_files(&server.config)
        .map_err(|error| throw(ExceptionKind::Configuration, &error.to_string()))?;
    // One that ended with `exit()` may still hold the address.
    ending::await_ends();
    let runtime = runtime::Server::start(server.config.clone()).map_err(|error| {
        let kind = match error {
            runtime::StartError::Config(_) => ExceptionKind::Configuration,
            runtime::StartError::Bind(_) | runtime::StartError::System(_) => ExceptionKind::Bind,
        };
        throw(kind, &error.to_string())
    })?;
    let session = Session::new(runtime, &server.rules, is_run)
        .ok_or_else(|| throw(ExceptionKind::Error, "Ferrite: the server has lost its queue"))?;
    let session = Rc::new(session);
    server.attach(session.clone());
    Ok(session)
}

/// Reports the start. With [`run`] signals are taken by now: a reader of the line may end the server.
fn started(server: &Server, session: &Session, this: &Zval) -> Result<(), Thrown> {
    for record in session.start_records() {
        log::record(server, &record)?;
    }
    if let Some(callback) = server.callback(On::Start) {
        server.call(callback, [this.shallow_clone()])?;
        session.link.check_process()?;
    }
    session.notify(Notifier::ready);
    session.consumer().ready();
    Ok(())
}

fn serve(server: &Server, session: &Session) -> Result<(), Thrown> {
    while !session.is_over() {
        dispatch_batch(server, session)?;
        session.serve_interrupts()?;
        match session.signals_arrived() {
            0 => {}
            // The first one drains; another, whenever it comes, does not wait.
            count
                if session.stopping().is_none() && (count == 1 || session.consumer().worker().is_some()) =>
            {
                // A stop of the script's own does not say whether the process ends with it.
                session.notify(|notifier, _| notifier.stopping());
                session.retire(SIGNAL_GRACE);
            }
            _ => session.order_stop(Duration::ZERO),
        }
        if !session.is_over() {
            sleep(session, Some(&server.timers), None)?;
        }
    }
    Ok(())
}

/// Sleeps until there is something to do, at the latest at `until`. Signals are blocked between the last
/// look at them and the sleep, which unblocks them: none is slept through.
fn sleep(session: &Session, timers: Option<&Timers>, until: Option<Instant>) -> Result<(), Thrown> {
    let until = [until, timers.and_then(Timers::next_due), session.next_notice()].into_iter().flatten().min();
    if session.has_events() || until.is_some_and(|until| until <= Instant::now()) {
        session.serve_once();
        return Ok(());
    }
    let mask = Mask::block_all();
    let result = sleep_blocked(session, timers, until, mask);
    mask.restore();
    match result? {
        Woken::Normally => Ok(()),
        Woken::BySignal => session.serve_interrupts(),
    }
}

fn sleep_blocked(
    session: &Session,
    timers: Option<&Timers>,
    until: Option<Instant>,
    mask: Mask,
) -> Result<Woken, Thrown> {
    session.serve_interrupts()?;
    if session.is_signalled() || session.is_over() {
        return Ok(Woken::Normally);
    }
    // A handler may have set a timer.
    let until = [until, timers.and_then(Timers::next_due)].into_iter().flatten().min();
    Ok(session.sleep(until, mask))
}

/// The orderly end of a run, after the last shard: by the first loop that comes here.
fn finish(server: &Server, session: &Session, this: &Zval) -> Result<(), Thrown> {
    if !session.begin_end() {
        return Ok(());
    }
    session.end();
    dispatch_rest(server, session)?;
    // A connection without a close event by now lost it in a panic, or a suspended callback holds it.
    for client in session.clients() {
        let held = client.leave().into_iter().flatten().find_map(|delivery| match delivery.event {
            Event::Close { code, reason, .. } => Some((code, reason, delivery.receipt)),
            _ => None,
        });
        let (code, reason, receipt) = held
            .unwrap_or_else(|| (CloseCode::ABNORMAL, "".into(), session.consumer().close_receipt(&client)));
        close(server, session, &client, code, &reason, receipt)?;
    }
    session.consumer().announce_all();
    dispatch_rest(server, session)?;
    // A callback may have been suspended until somebody gave the run up, and the server may run anew.
    if session.has_ended() {
        return Ok(());
    }
    server.release_all(server.timers.clear())?;
    log::stopped(server, session)?;
    if let Some(callback) = server.callback(On::Stop) {
        server.call(callback, [this.shallow_clone()])?;
    }
    session.say_goodbye(None);
    let held = session.release();
    server.detach(session);
    server.release_all(held)?;
    log::output_lost(server, session)?;
    match session.panic.take() {
        Some(panic) => Err(throw(ExceptionKind::Error, &format!("A network thread has panicked: {panic}"))),
        None => Ok(()),
    }
}

/// Dispatches the events that are left after the last shard.
fn dispatch_rest(server: &Server, session: &Session) -> Result<(), Thrown> {
    while let Some(delivery) = session.next_event() {
        if !matches!(delivery.event, Event::Stopped { .. }) {
            deal(server, session, delivery)?;
        }
    }
    Ok(())
}

/// Callbacks of one server may run another, or poll their own in a Fiber, and so on: up to here.
fn check_depth() -> Result<(), Thrown> {
    if is_too_deep()? {
        let why = "The loops of servers are nested too deep: callbacks run loops whose callbacks run loops";
        return Err(throw(ExceptionKind::State, why));
    }
    Ok(())
}

fn is_too_deep() -> Result<bool, Thrown> {
    LOOPS.with(|loops| loops.is_too_deep())
}

thread_local! {
    /// The loops of all servers. Never dropped: a destructor of a thread would run after the module is unloaded.
    static LOOPS: std::mem::ManuallyDrop<Nesting> = const { std::mem::ManuallyDrop::new(Nesting::new()) };
}

/// Runs a loop of the session so that a fatal error in it ends here.
fn conduct<R>(session: &Session, body: impl FnOnce() -> Result<R, Thrown>) -> Ended<Result<R, Thrown>> {
    let mask = Mask::current();
    let fiber = LOOPS.with(|loops| loops.enter());
    session.loops.borrow_mut().push(fiber);
    output::hold();
    let ended = engine::guarded(body);
    LOOPS.with(|loops| loops.leave(fiber));
    if LOOPS.with(|loops| loops.is_empty()) {
        output::let_go();
    }
    // Loops of several Fibers end in any order.
    let mut loops = session.loops.borrow_mut();
    if let Some(index) = loops.iter().rposition(|active| *active == fiber) {
        loops.remove(index);
    }
    drop(loops);
    if matches!(ended, Ended::FatalError) {
        mask.restore();
    }
    ended
}

/// Deals with the way a loop ended.
fn conclude<R>(server: &Server, session: Rc<Session>, ended: Ended<Result<R, Thrown>>) -> Result<R, Thrown> {
    match ended {
        Ended::Returned(Ok(result)) => Ok(result),
        Ended::Returned(Err(thrown)) => {
            // With poll(), an exception of a signal handler is the script's own: it owns the loop. Nor does it end the
            // run that a Fiber is destroyed while it polls; but nobody goes on with a start or a stop in one.
            let goes_on = !thrown::is_leaving()
                || (thrown::is_end_of_fiber() && !session.is_starting.get() && session.stopping().is_none());
            if session.is_run || session.is_foreign() || !goes_on {
                server.give_up(&session, thrown::release_aside);
            }
            Err(thrown)
        }
        Ended::Panicked(what) => {
            server.give_up(&session, thrown::release_aside);
            Err(throw(ExceptionKind::Error, &format!("Ferrite: internal error: {what}")))
        }
        Ended::FatalError => {
            server.leave(&session, thrown::release_aside, true);
            drop(session);
            engine::resume_fatal_error()
        }
    }
}

/// The command line, under its names.
const SAPIS: [&str; 4] = ["cli", "phpdbg", "embed", "micro"];
/// As `stop()` has it by default.
const SIGNAL_GRACE: Duration = Duration::from_secs(10);
