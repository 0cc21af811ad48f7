//! The PROXY header before the request, on addresses that demand it.

use std::task::{Context, Poll};

use bytes::BytesMut;

use super::tick::{Shard, may_log};
use crate::{
    connection::Phase,
    queue::LogLevel,
    socket::{ProxyViolation, Refusal, turn_away},
};

impl Shard {
    /// Reads the PROXY header that has to come first, and goes on as the client it names.
    pub(super) fn read_proxy_header(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let mut cx = Context::from_waker(&connection.waker);
        let header = match connection.stream.poll_proxy_header(&mut cx, &mut connection.unread) {
            Poll::Ready(Some(Ok(header))) => header,
            Poll::Ready(Some(Err(violation))) => return self.refuse_unannounced(slot, violation),
            Poll::Ready(None) => return self.give_up(slot),
            Poll::Pending => return,
        };
        let Phase::ProxyHeader { tls } = connection.phase else { return };
        connection.unread = BytesMut::new();
        connection.phase = if tls { Phase::Tls } else { Phase::head() };
        connection.secure = header.secure;
        self.schedule.again.push(slot);
        let Some(source) = header.source else { return };
        connection.address = source;
        if let Ok(admission) = self.enter(source) {
            if let Some(connection) = self.connections.get_mut(slot as usize) {
                connection.admission = admission;
            }
        } else {
            self.counters(|c| c.turned_away.increment());
            if let Some(connection) = self.take(slot) {
                turn_away(connection.stream, tls, Refusal::Address, self.requests.date.now());
            }
        }
    }

    /// The answer has no reader that matters: the sender is a proxy that is set up wrongly, or no proxy.
    fn refuse_unannounced(&mut self, slot: u32, violation: ProxyViolation) {
        let Some(connection) = self.take(slot) else { return };
        self.counters(|c| c.proxy_headers_refused.increment());
        if may_log(&mut self.accepting.proxy_warned, self.now) {
            let context = [("peer", connection.address.to_string()), ("reason", violation.to_string())];
            self.log(
                LogLevel::Warning,
                "A connection was closed because it did not begin with a PROXY header: let the proxy send one (send-proxy-v2, proxy_protocol on), or take ?proxy_protocol from the address",
                context,
            );
        }
    }
}
