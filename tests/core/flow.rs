//! Flow control: what a busy consumer and slow clients may cost, and whom.

use std::{
    io::{Read, Write},
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ferrite::{
    config::{Config, Limits, SlowConsumer},
    port::{Outgoing, SendResult},
    queue::Event,
};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Running, close_code, config, echo, frame, read_frame, wait};

fn with(limits: Limits) -> Config {
    Config { limits, ..config(1) }
}

/// A consumer that is blocked while `gate` is true.
pub(crate) fn gated(
    gate: &Arc<AtomicBool>,
) -> impl FnMut(&mut ferrite::port::Publisher, &Event) + Send + 'static {
    let gate = gate.clone();
    move |handle, event| {
        if matches!(event, Event::Message { .. }) {
            while gate.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        echo(handle, event);
    }
}

#[test]
fn a_busy_consumer_pauses_reading_drops_nothing_and_disturbs_nobody() {
    let gate = Arc::new(AtomicBool::new(true));
    let server = Running::start(with(Limits::default()), gated(&gate));
    let hub = server.hub.clone();
    const MESSAGES: u32 = 20_000;
    let flood: Vec<_> = (0..4)
        .map(|_| {
            let mut socket = server.raw();
            let mut writer = socket.try_clone().unwrap();
            std::thread::spawn(move || {
                let sender = std::thread::spawn(move || {
                    for n in 0..MESSAGES {
                        let mut payload = n.to_string().into_bytes();
                        payload.resize(100, b' ');
                        writer.write_all(&frame(0x82, &payload)).unwrap();
                    }
                });
                for n in 0..MESSAGES {
                    let (_, payload) = read_frame(&mut socket).unwrap();
                    assert_eq!(String::from_utf8(payload).unwrap().trim_end(), n.to_string());
                }
                sender.join().unwrap();
            })
        })
        .collect();
    wait("reading to pause", || (hub.counters[0].reads_paused.get() >= 4).then_some(()));
    // Meanwhile: who sends no message has its pings answered, and new clients are let in.
    let mut other = server.client();
    for n in 0..20_u8 {
        other.send(Message::Ping(vec![n].into())).unwrap();
        assert_eq!(other.read().unwrap(), Message::Pong(vec![n].into()));
    }
    // Sixty-four messages of each, and not one more.
    assert_eq!(hub.counters[0].messages_received.get(), 4 * 64);
    gate.store(false, Ordering::SeqCst);
    flood.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(hub.counters[0].messages_received.get(), 4 * u64::from(MESSAGES));
}

#[test]
fn the_bytes_that_wait_for_the_consumer_have_a_limit_for_one_and_for_all() {
    for limits in [
        Limits { receive_bytes: 100_000, ..Limits::default() },
        Limits { total_receive_bytes: 100_000, ..Limits::default() },
    ] {
        let gate = Arc::new(AtomicBool::new(true));
        let server = Running::start(with(limits), gated(&gate));
        let hub = server.hub.clone();
        let mut socket = server.raw();
        let mut writer = socket.try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            (0..40).for_each(|n| writer.write_all(&frame(0x82, &[n; 30_000])).unwrap());
        });
        wait("reading to pause", || (hub.counters[0].reads_paused.get() >= 1).then_some(()));
        assert_eq!(hub.counters[0].messages_received.get(), 4);
        gate.store(false, Ordering::SeqCst);
        for n in 0..40 {
            assert_eq!(read_frame(&mut socket).unwrap().1, [n; 30_000]);
        }
        sender.join().unwrap();
    }
}

/// Sends 64 KiB messages to the client that says "go" until the results repeat no more, and says
/// what happened to each.
fn flood_slow_client(policy: SlowConsumer) -> (Running, std::net::TcpStream, Vec<SendResult>) {
    let results = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = results.clone();
    let limits = Limits { slow_consumer: policy, ..Limits::default() };
    let server = Running::start(with(limits), move |handle, event| {
        if let Event::Message { id, payload, .. } = event {
            let member = handle.connection(*id).unwrap();
            if &payload[..] != b"go" {
                return echo(handle, event);
            }
            // As a handler that goes on sending for a while: the network must get its turns.
            handle.end_batch();
            for n in 0..400_u32 {
                let mut message = n.to_be_bytes().to_vec();
                message.resize(64 << 10, 0);
                told.lock().unwrap().push(handle.send(&member, Outgoing::new(&message, true)).unwrap());
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    });
    let mut slow = server.raw();
    slow.write_all(&frame(0x82, b"go")).unwrap();
    let results = wait("all sends", || {
        let results = results.lock().unwrap();
        (results.len() == 400).then(|| results.clone())
    });
    (server, slow, results)
}

#[test]
fn a_client_that_never_reads_is_closed_with_1013_and_each_send_told_the_truth() {
    let (server, mut slow, results) = flood_slow_client(SlowConsumer::Close);
    let first_closed = results.iter().position(|r| *r == SendResult::Closed).expect("never closed");
    assert!(results[first_closed..].iter().all(|r| *r == SendResult::Closed));
    assert!(results[..first_closed].contains(&SendResult::Buffered));
    assert_eq!(results[0], SendResult::Queued);
    assert_eq!(wait("the close", || server.closes().first().cloned()).0, 1013);
    let mut bystander = server.client();
    bystander.send(Message::text("unaffected")).unwrap();
    assert_eq!(bystander.read().unwrap().to_text().unwrap(), "unaffected");
    // Whole messages came, in order, and after them nothing else, or the close frame.
    let mut next = 0;
    while let Some((first, payload)) = read_frame(&mut slow) {
        if first == 0x88 {
            assert_eq!(payload[..2], 1013_u16.to_be_bytes());
            break;
        }
        assert_eq!(payload[..4], u32::to_be_bytes(next));
        next += 1;
    }
    assert!((next as usize) < first_closed + 1);
}

#[test]
fn drop_newest_keeps_the_oldest_and_says_dropped() {
    let (server, mut slow, results) = flood_slow_client(SlowConsumer::DropNewest);
    let sent: Vec<u32> = (0..400).filter(|n| results[*n as usize] != SendResult::Dropped).collect();
    assert!(results.contains(&SendResult::Dropped) && !results.contains(&SendResult::Closed));
    assert_eq!(sent.len() as u64 + server.hub.counters[0].messages_dropped.get(), 400);
    for n in sent {
        assert_eq!(read_frame(&mut slow).unwrap().1[..4], n.to_be_bytes());
    }
}

#[test]
fn drop_oldest_keeps_the_newest() {
    let (server, mut slow, results) = flood_slow_client(SlowConsumer::DropOldest);
    assert!(results.iter().all(|r| matches!(r, SendResult::Queued | SendResult::Buffered)));
    wait("drops", || (server.hub.counters[0].messages_dropped.get() > 0).then_some(()));
    let (mut last, mut received) = (None, 0);
    while last != Some(399) {
        let (_, payload) = read_frame(&mut slow).expect("the newest never came");
        let n = u32::from_be_bytes(*payload.first_chunk().unwrap());
        assert!(last < Some(n), "out of order");
        last = Some(n);
        received += 1;
    }
    assert_eq!(received + server.hub.counters[0].messages_dropped.get(), 400);
}

#[test]
fn a_broadcast_closes_only_the_client_that_does_not_read_it() {
    let server = Running::start(with(Limits::default()), |handle, event| {
        if let Event::Message { payload, .. } = event {
            handle.broadcast(Outgoing::new(payload, true), &[]).unwrap();
        }
    });
    let mut slow = server.raw();
    let mut healthy = server.raw();
    for n in 0..400_u32 {
        let mut message = n.to_be_bytes().to_vec();
        message.resize(64 << 10, 0);
        healthy.write_all(&frame(0x82, &message)).unwrap();
        assert_eq!(read_frame(&mut healthy).unwrap().1[..4], n.to_be_bytes());
    }
    assert_eq!(server.closes(), [(1013, "the client reads too slowly".to_owned())]);
    assert!(matches!(close_code(&mut slow), 1013 | 0));
}

#[test]
fn the_bytes_that_wait_for_all_clients_have_a_limit() {
    let limits = Limits { total_send_buffer: 20 << 20, send_buffer: 20 << 20, ..Limits::default() };
    let results = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = results.clone();
    let mut members = Vec::new();
    let server = Running::start(with(limits), move |handle, event| match event {
        Event::Open { id, .. } => members.push(handle.connection(*id).unwrap()),
        Event::Message { .. } => {
            let message = vec![0; 1 << 20];
            handle.end_batch();
            for member in members.iter().cycle().take(80) {
                told.lock().unwrap().push(handle.send(member, Outgoing::new(&message, true)).unwrap());
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        _ => {}
    });
    // Four that never read: what their sockets take, and twenty MiB between them.
    let mut slow: Vec<_> = (0..4).map(|_| server.raw()).collect();
    slow[0].write_all(&frame(0x82, b"go")).unwrap();
    let results = wait("all sends", || {
        let results = results.lock().unwrap();
        (results.len() == 80).then(|| results.clone())
    });
    assert!(results.contains(&SendResult::Closed), "{results:?}");
    assert_eq!(wait("a close", || server.closes().first().cloned()).0, 1013);
}

#[test]
fn a_client_that_takes_nothing_for_the_send_timeout_is_closed() {
    let limits = Limits { send_timeout: Some(Duration::from_millis(300)), ..Limits::default() };
    let server = Running::start(with(limits), |handle, event| {
        if let Event::Open { id, .. } = event {
            let member = handle.connection(*id).unwrap();
            handle.send(&member, Outgoing::new(&vec![0; 15 << 20], true)).unwrap();
        }
    });
    let _slow = server.raw();
    assert_eq!(wait("the close", || server.closes().first().cloned()).0, 1013);
}

#[test]
fn a_drained_outbox_is_told_once_to_whom_was_told_of_the_congestion() {
    let mut slow = None;
    let limits = Limits { send_buffer: 64 << 20, ..Limits::default() };
    let server = Running::start(with(limits), move |handle, event| match event {
        Event::Open { id, .. } if slow.is_none() => {
            slow = handle.connection(*id);
            handle.send(slow.as_ref().unwrap(), Outgoing::new(&vec![7; 30 << 20], true)).unwrap();
        }
        Event::Message { id, .. } => {
            let result = handle.send(slow.as_ref().unwrap(), Outgoing::new(b"", true)).unwrap();
            let member = handle.connection(*id).unwrap();
            handle.send(&member, Outgoing::new(format!("{result:?}").as_bytes(), false)).unwrap();
        }
        _ => {}
    });
    let mut client = server.raw();
    let mut other = server.client();
    wait("the congestion", || {
        other.send(Message::text("send it something")).unwrap();
        (other.read().unwrap().to_text().unwrap() == "Buffered").then_some(())
    });
    let mut received = 0;
    let mut buffer = vec![0; 1 << 20];
    while received < (30 << 20) + 10 {
        received += client.read(&mut buffer).unwrap();
    }
    server.wait_for("the drain", |seen| {
        seen.iter().find_map(|e| matches!(e, Event::Drain { .. }).then_some(()))
    });
    client.shutdown(Shutdown::Both).unwrap();
    wait("the close", || server.closes().first().cloned());
    let drains = server.seen.lock().unwrap().iter().filter(|e| matches!(e, Event::Drain { .. })).count();
    assert_eq!(drains, 1);
}

#[test]
fn a_paused_connection_is_not_read_until_it_is_resumed() {
    let mut paused = None;
    let server = Running::start(with(Limits::default()), move |handle, event| {
        let Event::Message { id, payload, .. } = event else { return };
        match &payload[..] {
            b"pause me" => {
                paused = handle.connection(*id);
                handle.pause(paused.as_ref().unwrap());
            }
            b"resume the other" => handle.resume(paused.as_ref().unwrap()),
            _ => {}
        }
        echo(handle, event);
    });
    let (mut one, mut two) = (server.client(), server.client());
    one.send(Message::text("pause me")).unwrap();
    assert_eq!(one.read().unwrap().to_text().unwrap(), "pause me");
    // The pause was ordered before the echo.
    one.send(Message::text("held back")).unwrap();
    two.send(Message::text("anybody?")).unwrap();
    two.read().unwrap();
    let texts = |server: &Running| {
        server.seen.lock().unwrap().iter().filter(|e| matches!(e, Event::Message { .. })).count()
    };
    assert_eq!(texts(&server), 2);
    two.send(Message::text("resume the other")).unwrap();
    assert_eq!(one.read().unwrap().to_text().unwrap(), "held back");
}

#[test]
fn a_client_over_its_message_rate_is_delayed_and_loses_nothing() {
    let server = Running::echo(with(Limits { message_rate: Some(40.0), ..Limits::default() }));
    let mut client = server.client();
    let began = Instant::now();
    for n in 0..60 {
        client.write(Message::text(n.to_string())).unwrap();
    }
    client.flush().unwrap();
    for n in 0..60 {
        assert_eq!(client.read().unwrap().to_text().unwrap(), n.to_string());
    }
    // Forty at once, the others at forty a second: never faster, however slow the machine.
    assert!(began.elapsed() > Duration::from_millis(450), "{:?}", began.elapsed());
}

#[test]
fn drop_oldest_keeps_the_newest_behind_a_message_that_is_half_sent() {
    let limits = Limits { slow_consumer: SlowConsumer::DropOldest, ..Limits::default() };
    let server = Running::start(with(limits), |handle, event| {
        let member = |id| handle.connection(id).unwrap();
        match event {
            Event::Open { id, .. } => {
                let member = member(*id);
                handle.send(&member, Outgoing::new(&vec![0; 30 << 20], true)).unwrap();
            }
            Event::Message { id, payload, .. } => {
                let member = member(*id);
                handle.send(&member, Outgoing::new(payload, true)).unwrap();
            }
            _ => {}
        }
    });
    let mut slow = server.raw();
    std::thread::sleep(Duration::from_millis(100));
    for state in [b"older", b"newer"] {
        slow.write_all(&frame(0x82, state)).unwrap();
    }
    wait("both to be sent", || (server.hub.counters[0].messages_sent.get() == 3).then_some(()));
    assert_eq!(read_frame(&mut slow).unwrap().1.len(), 30 << 20);
    assert_eq!(read_frame(&mut slow).unwrap().1, b"newer");
}

#[test]
fn the_slowest_message_rate_closes_nobody_with_an_internal_error() {
    let server = Running::echo(with(Limits { message_rate: Some(1e-30), ..Limits::default() }));
    let mut client = server.client();
    for text in ["one", "two"] {
        client.send(Message::text(text)).unwrap();
        assert_eq!(client.read().unwrap().to_text().unwrap(), text);
    }
    assert_eq!(server.hub.counters[0].panics.get(), 0);
}

#[test]
fn pings_are_answered_while_the_budget_for_all_messages_is_used_up() {
    let gate = Arc::new(AtomicBool::new(true));
    let limits = Limits { total_receive_bytes: 100_000, ..Limits::default() };
    let server = Running::start(with(limits), gated(&gate));
    let mut other = server.client();
    let mut flood = server.raw();
    flood.write_all(&frame(0x82, &[7; 100_000])).unwrap();
    wait("the message", || (server.hub.counters[0].messages_received.get() == 1).then_some(()));
    other.get_mut().set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    for n in 0..5_u8 {
        other.send(Message::Ping(vec![n; 50].into())).unwrap();
        assert_eq!(other.read().unwrap(), Message::Pong(vec![n; 50].into()));
    }
    // A message waits for its turn, and what comes after it waits with it.
    other.send(Message::text("held back")).unwrap();
    other.send(Message::Ping(vec![9].into())).unwrap();
    gate.store(false, Ordering::SeqCst);
    assert_eq!(read_frame(&mut flood).unwrap().1.len(), 100_000);
    let mut seen = vec![other.read().unwrap(), other.read().unwrap()];
    seen.sort_by_key(Message::is_text);
    assert_eq!(seen, [Message::Pong(vec![9].into()), Message::text("held back")]);
}
