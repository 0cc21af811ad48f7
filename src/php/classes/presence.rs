//! Presence for the script: the users of a topic, and the callbacks for joins and leaves.

use super::arguments::{seconds, topic_name};
use crate::{
    php::{
        event_loop::server::this,
        zend::{
            call::Call,
            thrown::{Thrown, bad_type},
            values,
        },
    },
    port::Announced,
};

pub(in crate::php) fn presence(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let topic = topic_name(call.string(1)?.as_bytes(), 1)?;
    let users = server.session().map(|session| session.consumer().presence(topic).users);
    call.returns_array(values::list(users.iter().flatten().map(|user| user.as_bytes())));
    Ok(())
}

pub(in crate::php) fn announce_presence(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let wrong = || bad_type(1, "must be a string or a list of strings");
    let topics = call.value(1).ok_or_else(wrong)?;
    let topics = match topics.array() {
        Some(list) => list.values().map(|topic| topic.dereference().zend_str()).collect(),
        None => topics.zend_str().map(|topic| vec![topic]),
    };
    // A name may end with a star, so every valid topic can be announced.
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
