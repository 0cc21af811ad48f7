//! The consumer that serves while it waits: what it does by itself, and what the shard's own thread
//! does when it is away.
#![cfg(target_os = "linux")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use ferrite::{
    config::{Config, Control},
    port::{Delivery, Event, Outgoing, Waited},
    runtime::Server,
};
use nix::sys::{
    pthread::{pthread_kill, pthread_self},
    signal::{SigSet, SigmaskHow, Signal},
};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{PATIENCE, Running, config, echo, wait};

/// Long enough that the consumer itself keeps the time; for less it leaves that to a better clock.
const SHORT: Duration = Duration::from_millis(5);

/// Exchanges so many messages one by one that the consumer has shown to be prompt.
fn warm_up(client: &mut crate::harness::Client) {
    for n in 0..100 {
        client.send(Message::text(n.to_string())).unwrap();
        assert_eq!(client.read().unwrap(), Message::text(n.to_string()));
    }
}

#[test]
fn a_blocked_consumer_delays_nobody_else() {
    let gate = Arc::new(AtomicBool::new(false));
    let blocked = gate.clone();
    let server = Running::start(config(1), move |handle, event| {
        echo(handle, event);
        while blocked.load(Ordering::SeqCst) && matches!(event, Event::Message { .. }) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let (mut busy, mut bystander) = (server.client(), server.client());
    for round in 0..3 {
        warm_up(&mut busy);
        gate.store(true, Ordering::SeqCst);
        busy.send(Message::text("block")).unwrap();
        assert_eq!(busy.read().unwrap(), Message::text("block"), "what was said before blocking leaves");
        bystander.send(Message::Ping(vec![round].into())).unwrap();
        assert_eq!(bystander.read().unwrap(), Message::Pong(vec![round].into()));
        drop(server.client());
        bystander.send(Message::text("waits")).unwrap();
        gate.store(false, Ordering::SeqCst);
        assert_eq!(bystander.read().unwrap(), Message::text("waits"));
    }
}

#[test]
fn a_callback_that_says_more_than_should_wait_has_it_sent_meanwhile() {
    let server = Running::start(config(1), |handle, event| {
        let Event::Message { id, payload, .. } = event else { return };
        let Some(member) = handle.connection(*id) else { return };
        if payload.as_ref() != b"much" {
            return echo(handle, event);
        }
        for _ in 0..64 {
            let before = Instant::now();
            // Not faster than a client can read; what counts is that it is read at all before the end.
            while member.buffered() > 500_000 && before.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(1));
            }
            handle.send(&member, Outgoing::new(&[b'x'; 100_000], true)).unwrap();
        }
        assert!(member.buffered() < 600_000, "6.4 MB were said and the batch is not over");
    });
    let mut client = server.client();
    warm_up(&mut client);
    client.send(Message::text("much")).unwrap();
    for _ in 0..64 {
        assert_eq!(client.read().unwrap().len(), 100_000);
    }
    warm_up(&mut client);
}

#[test]
fn thousands_of_messages_of_many_clients_come_back_in_order_while_hands_change() {
    let turns = Arc::new(AtomicUsize::new(0));
    let count = turns.clone();
    let server = Running::start(config(1), move |handle, event| {
        echo(handle, event);
        if matches!(event, Event::Message { .. }) && count.fetch_add(1, Ordering::Relaxed).is_multiple_of(997)
        {
            // Long enough for the thread to take over in the middle of the traffic.
            std::thread::sleep(Duration::from_millis(7));
        }
    });
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let mut client = server.client();
            std::thread::spawn(move || {
                for first in (0..2_000).step_by(20) {
                    for n in first..first + 20 {
                        client.send(Message::text(format!("{number} {n}"))).unwrap();
                    }
                    for n in first..first + 20 {
                        assert_eq!(client.read().unwrap(), Message::text(format!("{number} {n}")));
                    }
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(turns.load(Ordering::Relaxed), 16_000);
}

#[test]
fn a_signal_that_is_blocked_ends_the_wait() {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).unwrap();
        let mut server = Server::start(config(1)).unwrap();
        let mut parts = server.take_consumer().unwrap();
        let mut driving = parts.driving.take().unwrap();
        let mut until = |limit: Duration| loop {
            match driving.wait(parts.inbox(), Some(Instant::now() + limit)) {
                // The thread has the duty until this one has shown to be prompt.
                Waited::NotAtAll => driving.woke(),
                waited => return waited,
            }
        };
        assert_eq!(until(SHORT), Waited::Normally, "the time has come");
        pthread_kill(pthread_self(), Signal::SIGUSR1).unwrap();
        assert_eq!(until(Duration::from_secs(20)), Waited::ForSignal, "pending already");
        // Take it, as a thread that unblocks it would.
        let mut usr1 = SigSet::empty();
        usr1.add(Signal::SIGUSR1);
        assert_eq!(usr1.wait().unwrap(), Signal::SIGUSR1);
        assert_eq!(until(SHORT), Waited::Normally);
        send.send(pthread_self()).unwrap();
        assert_eq!(until(Duration::from_secs(20)), Waited::ForSignal, "while it sleeps");
    });
    let waiting = receive.recv().unwrap();
    pthread_kill(waiting, Signal::SIGUSR1).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_consumer_that_serves_hears_what_the_control_api_logs() {
    let control = Control::parse(&["http://app:0123456789abcdef@127.0.0.1:0".to_owned()]).unwrap();
    let mut server = Server::start(Config { control, ..config(1) }).unwrap();
    let mut parts = server.take_consumer().unwrap();
    let mut driving = parts.driving.take().unwrap();
    while driving.wait(parts.inbox(), Some(Instant::now() + SHORT)) == Waited::NotAtAll {
        driving.woke();
    }
    let address = server.addresses().last().unwrap().strip_prefix("http://").unwrap().to_owned();
    let refused = std::thread::spawn(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(b"GET /v1/health HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        answer
    });
    let until = Instant::now() + PATIENCE;
    while parts.inbox().is_empty() && Instant::now() < until {
        if driving.wait(parts.inbox(), Some(until)) == Waited::NotAtAll {
            driving.woke();
        }
    }
    assert!(Instant::now() < until, "nobody has woken it");
    assert!(matches!(parts.assemble::<()>().receive(), Some(Delivery { event: Event::Log(_), .. })));
    assert_eq!(refused.join().unwrap(), *b"HTTP/1.1 401");
}

#[test]
fn a_server_that_is_dropped_in_the_middle_joins_its_thread() {
    let mut server = Server::start(config(1)).unwrap();
    let mut parts = server.take_consumer().unwrap();
    let mut driving = parts.driving.take().unwrap();
    let mut driven = 0;
    while driven < 3 {
        match driving.wait(parts.inbox(), Some(Instant::now() + SHORT)) {
            Waited::NotAtAll => driving.woke(),
            _ => driven += 1,
        }
    }
    let hub = server.hub().clone();
    drop(server);
    assert_eq!(driving.wait(parts.inbox(), None), Waited::NotAtAll, "nothing is left to serve");
    drop(parts);
    wait("the hub to be let go", || (Arc::strong_count(&hub) == 1).then_some(()));
}
