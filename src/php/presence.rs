//! Who is in a topic, and telling clients and the script of who comes and goes.
//!
//! Only PHP's thread tells, between callbacks: it alone can speak to every shard, and so all subscribers hear of a user
//! in one order, which is the order of what PHP says too.

use std::time::Instant;

use super::{
    audience::topic_name,
    call::Call,
    callback::Callback,
    server::{self, On, Server, seconds, this},
    session::Session,
    thrown::{Thrown, bad_type},
    values,
};
use crate::hub::{Announced, PresenceChange};

pub(super) fn presence(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let topic = topic_name(call.string(1)?.as_bytes(), 1)?;
    let users = server.session().and_then(|session| {
        let (presence, told) = session.voice.speak(|handle| handle.presence(topic))?;
        keep(server, &session, told);
        Some(presence.users)
    });
    call.returns_array(values::list(users.iter().flatten().map(|user| user.as_bytes())));
    Ok(())
}

pub(super) fn announce_presence(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let wrong = || bad_type(1, "must be a string or a list of strings");
    let topics = call.value(1).ok_or_else(wrong)?;
    let topics = match topics.array() {
        Some(list) => list.values().map(|topic| topic.dereference().zend_str()).collect(),
        None => topics.zend_str().map(|topic| vec![topic]),
    };
    // A name may end with a star, so what can be a topic is what can be announced.
    let topics =
        topics.ok_or_else(wrong)?.into_iter().map(|topic| topic_name(topic.as_bytes(), 1).map(Box::from));
    let announced = Announced {
        topics: topics.collect::<Result<_, _>>()?,
        grace: seconds(call, 2, 0.0, true)?,
        to_clients: call.bool_or(3, true)?,
    };
    server.announce(announced);
    call.returns_this();
    Ok(())
}

pub(super) fn on_join(call: &mut Call<'_>) -> Result<(), Thrown> {
    server::on(call, On::Join)
}

pub(super) fn on_leave(call: &mut Call<'_>) -> Result<(), Thrown> {
    server::on(call, On::Leave)
}

/// Tells everybody of who has come and gone; says how many callbacks ran.
pub(super) fn tell(server: &Server, session: &Session) -> Result<usize, Thrown> {
    tell_clients(server, session);
    tell_script(server, session)
}

/// Tells the subscribers of who has come and gone.
pub(super) fn tell_clients(server: &Server, session: &Session) {
    // Nearly always there is nothing, and then nobody looks at the clock.
    let Some(due) = session.hub.directory.next_news() else { return };
    let now = Instant::now();
    if due <= now && !session.is_foreign() {
        let told = session.voice.speak(|handle| handle.announce(Some(now)));
        keep(server, session, told.unwrap_or_default());
    }
}

/// Tells everybody at the end of a run, when nobody comes back within a grace.
pub(super) fn tell_last(server: &Server, session: &Session) -> Result<usize, Thrown> {
    let told = session.voice.speak(|handle| handle.announce(None));
    keep(server, session, told.unwrap_or_default());
    tell_script(server, session)
}

/// Calls back for what clients were told.
pub(super) fn tell_script(server: &Server, session: &Session) -> Result<usize, Thrown> {
    let mut ran = 0;
    while !session.is_foreign()
        && let Some((callback, change)) = next(server, session)
    {
        let arguments = [&change.topic, &change.user].map(|text| values::text(text.as_bytes()));
        drop(change);
        ran += 1;
        server.call(callback, arguments)?;
    }
    Ok(ran)
}

fn next(server: &Server, session: &Session) -> Option<(Callback, PresenceChange)> {
    loop {
        let change = session.news.borrow_mut().pop_front()?;
        if let Some(callback) = server.callback(kind(&change)) {
            return Some((callback, change));
        }
    }
}

/// Keeps what the script is to hear.
fn keep(server: &Server, session: &Session, told: Vec<PresenceChange>) {
    let heard = told.into_iter().filter(|change| server.is_heard(kind(change)));
    session.news.borrow_mut().extend(heard);
}

fn kind(change: &PresenceChange) -> On {
    if change.joined { On::Join } else { On::Leave }
}
