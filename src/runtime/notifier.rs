//! Telling systemd how the process is: `sd_notify(3)`, for units with `Type=notify` and `WatchdogSec=`.
//!
//! Not by a library: the one there is, sd-notify, opens a blocking socket for each message, at the lowest free number.
//! Ours is opened once, at 1024 or above, and never waits.

use std::{
    io, process,
    time::{Duration, Instant},
};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::{descriptors::placed, socket::NO_SIGNAL};

/// The messages to systemd and their times. The consumer owns it, so that the watchdog bites when the callbacks are
/// stuck and not only when a thread is.
///
/// Nothing fails here: a message that cannot be delivered is not sent again.
#[derive(Debug)]
pub struct Notifier {
    socket: Socket,
    to: SockAddr,
    /// Interval of the signs of life.
    interval: Option<Duration>,
    next_sign: Option<Instant>,
    /// Clients as they were told last, and when the next number may be.
    reported: usize,
    next_status: Instant,
    /// True if the number has changed since.
    changed: bool,
}

impl Notifier {
    /// For the unit that this process is of; `None` if it is none, or one that wants to hear nothing.
    /// Reads the environment and leaves it as it is.
    pub fn from_environment() -> Option<Self> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        // Without the variable the setting is for any process; a child inherits settings that are not meant for it.
        let is_mine = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid.parse() == Ok(process::id()));
        let timeout = number("WATCHDOG_USEC").filter(|&timeout| is_mine && timeout > 0);
        Self::new(&std::env::var("NOTIFY_SOCKET").ok()?, timeout.map(Duration::from_micros)).ok()
    }

    /// `socket` is a path or, with `@` in front, an abstract name; `timeout`: systemd's patience.
    pub fn new(socket: &str, timeout: Option<Duration>) -> io::Result<Self> {
        let to = match socket.strip_prefix('@') {
            Some(name) => SockAddr::unix(format!("\0{name}"))?,
            None => SockAddr::unix(socket)?,
        };
        let socket = placed(|| Socket::new(Domain::UNIX, Type::DGRAM, None))?;
        // A systemd that does not read must not hold callbacks up.
        socket.set_write_timeout(Some(PATIENCE))?;
        let now = Instant::now();
        // Half of it, as sd_watchdog_enabled(3) has it.
        let interval = timeout.map(|timeout| timeout / 2);
        let next_sign = interval.map(|_| now);
        Ok(Self { socket, to, interval, next_sign, reported: 0, next_status: now, changed: false })
    }

    /// The server serves.
    pub fn ready(&mut self, clients: usize) {
        let status = self.status(clients);
        self.tell(&format!("READY=1\n{status}"));
    }

    /// The process has begun to end. Not for a server that may begin again: systemd ends a process that
    /// has said so and does not go.
    pub fn stopping(&mut self) {
        self.tell("STOPPING=1\nSTATUS=Stopping");
    }

    /// Sends the messages that are due. To be called whenever the consumer is between two callbacks, and at
    /// [`due`](Self::due).
    pub fn notify_due(&mut self, clients: usize) {
        let now = Instant::now();
        if let (Some(next), Some(interval)) = (self.next_sign, self.interval)
            && now >= next
        {
            self.next_sign = Some(now + interval);
            self.tell("WATCHDOG=1");
        }
        self.changed = clients != self.reported;
        if self.changed && now >= self.next_status {
            let status = self.status(clients);
            self.tell(&status);
        }
    }

    /// When [`notify_due`](Self::notify_due) has something to say.
    pub fn due(&self) -> Option<Instant> {
        let status = self.changed.then_some(self.next_status);
        [self.next_sign, status].into_iter().flatten().min()
    }

    /// The line that `systemctl status` shows.
    fn status(&mut self, clients: usize) -> String {
        self.reported = clients;
        self.changed = false;
        self.next_status = Instant::now() + STATUS_INTERVAL;
        format!("STATUS=Serving {clients} {}", if clients == 1 { "client" } else { "clients" })
    }

    fn tell(&self, message: &str) {
        // An interrupted send has sent nothing; signals do not come without end.
        for _ in 0..ATTEMPTS {
            match self.socket.send_to_with_flags(message.as_bytes(), &self.to, NO_SIGNAL) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(1);
/// Between two numbers of clients.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);
const ATTEMPTS: usize = 8;

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixDatagram, path::PathBuf};

    use super::*;

    struct Systemd {
        socket: UnixDatagram,
        path: PathBuf,
    }

    impl Systemd {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ferrite-notify-{name}-{}", process::id()));
            let _ = std::fs::remove_file(&path);
            let socket = UnixDatagram::bind(&path).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { socket, path }
        }

        /// The datagram that has come; on the same host it has come once it was sent.
        fn heard(&self) -> Option<String> {
            let mut buffer = [0; 200];
            let length = self.socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
        }
    }

    impl Drop for Systemd {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    #[test]
    fn a_unit_hears_when_the_server_is_ready_and_when_it_stops() {
        let systemd = Systemd::new("ready");
        let mut notifier = Notifier::new(systemd.path.to_str().unwrap(), None).unwrap();
        assert_eq!(notifier.due(), None);
        notifier.ready(0);
        assert_eq!(systemd.heard().unwrap(), "READY=1\nSTATUS=Serving 0 clients");
        notifier.notify_due(0);
        notifier.stopping();
        assert_eq!(systemd.heard().unwrap(), "STOPPING=1\nSTATUS=Stopping");
        assert_eq!(systemd.heard(), None);
    }

    #[test]
    fn the_number_of_clients_is_told_when_it_changes_and_not_every_time() {
        let systemd = Systemd::new("status");
        let mut notifier = Notifier::new(systemd.path.to_str().unwrap(), None).unwrap();
        notifier.notify_due(1);
        assert_eq!(systemd.heard().unwrap(), "STATUS=Serving 1 client");
        assert_eq!(notifier.due(), None, "nothing has changed");
        notifier.notify_due(2);
        notifier.notify_due(3);
        assert_eq!(systemd.heard(), None);
        assert!(notifier.due().unwrap() > Instant::now(), "later");
        notifier.notify_due(1);
        assert_eq!(notifier.due(), None, "back to what was told");
        notifier.notify_due(3);
        notifier.next_status = Instant::now();
        notifier.notify_due(3);
        assert_eq!(systemd.heard().unwrap(), "STATUS=Serving 3 clients");
    }

    #[test]
    fn a_sign_of_life_comes_twice_in_systemds_patience() {
        let systemd = Systemd::new("watchdog");
        let path = systemd.path.to_str().unwrap();
        let mut notifier = Notifier::new(path, Some(Duration::from_secs(600))).unwrap();
        assert!(notifier.due().unwrap() <= Instant::now(), "the first one at once");
        notifier.notify_due(0);
        notifier.notify_due(0);
        assert_eq!((systemd.heard().unwrap().as_str(), systemd.heard()), ("WATCHDOG=1", None));
        let due = notifier.due().unwrap().saturating_duration_since(Instant::now());
        assert!(due > Duration::from_secs(200) && due <= Duration::from_secs(300));
    }

    #[test]
    fn a_systemd_that_is_gone_is_no_error() {
        let path = std::env::temp_dir().join(format!("ferrite-notify-nobody-{}", process::id()));
        Notifier::new(path.to_str().unwrap(), None).unwrap().ready(0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_name_of_the_socket_may_be_an_abstract_one() {
        use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
        let name = format!("ferrite-notify-{}", process::id());
        let systemd = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        systemd.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Notifier::new(&format!("@{name}"), None).unwrap().stopping();
        assert_eq!(systemd.recv(&mut [0; 200]).unwrap(), "STOPPING=1\nSTATUS=Stopping".len());
    }
}
