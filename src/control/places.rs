//! The places at a listener: of publishers, which keep their connections, and of strangers, which may or may not be
//! publishers.
//!
//! A connection over TCP is a stranger until one of its requests had the right signature. Strangers have places of
//! their own, and one that needs room takes it from the strangers of the address that has most of them: never from a
//! publisher, and never from an address with fewer. Publishers make room for each other, the one that has been idle
//! longest first. On a Unix socket every client is a publisher, since the mode of its file decides about connections.
//!
//! Long because its tests stay beside the rules that they prove.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv6Addr},
    rc::Rc,
};

use tokio::sync::Notify;

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    seated: RefCell<BTreeMap<u64, Seated>>,
    next: Cell<u64>,
    /// True if every client is a publisher.
    trusting: bool,
    /// Bytes that the bodies of strangers may take together.
    strangers_bytes: usize,
    /// Bytes that they take, also those of strangers that are about to leave.
    strangers_hold: Cell<usize>,
    publishers_hold: Cell<usize>,
    /// True if a connection waits for the first publisher that is done.
    wanted: Cell<bool>,
    changed: Notify,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Rc<Places>,
    number: Cell<u64>,
    /// Notified when it has to make room. It has no place any more then.
    pub(super) leave: Rc<Notify>,
    /// True if the answer to a publisher is on its way.
    finishing: Cell<bool>,
    /// Bytes of the body that arrives.
    held: Rc<Cell<usize>>,
    /// True if a request of it had a right signature.
    trusted: Cell<bool>,
}

#[derive(Debug)]
struct Seated {
    address: Option<IpAddr>,
    state: State,
    held: Rc<Cell<usize>>,
    leave: Rc<Notify>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Stranger,
    /// A publisher that asks nothing just now.
    Idle,
    Working,
}

/// There is no room for so many bytes, and no connection that has to give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoRoom;

impl Places {
    /// `trusting`: everybody is a publisher. Of strangers each may send a body of `largest_body`.
    pub(super) fn new(trusting: bool, largest_body: usize) -> Rc<Self> {
        Rc::new(Self {
            seated: RefCell::default(),
            next: Cell::default(),
            trusting,
            strangers_bytes: STRANGERS_BODIES.max(largest_body),
            strangers_hold: Cell::default(),
            publishers_hold: Cell::default(),
            wanted: Cell::default(),
            changed: Notify::new(),
        })
    }

    /// Takes a place, and has another connection leave if there is none. While all are publishers that work, it waits
    /// for the first that is done.
    pub(super) async fn take(self: &Rc<Self>, address: Option<IpAddr>) -> Place {
        while self.seated.borrow().len() >= self.most() {
            let leaver = if self.trusting { self.longest_idle() } else { self.crowding(|_| 1) };
            match leaver {
                Some(leaver) => self.dismiss(leaver),
                None => {
                    self.wanted.set(true);
                    self.changed.notified().await;
                }
            }
        }
        self.wanted.set(false);
        let state = if self.trusting { State::Idle } else { State::Stranger };
        let (leave, held) = (Rc::<Notify>::default(), Rc::<Cell<usize>>::default());
        let seated =
            Seated { address: address.map(network), state, held: held.clone(), leave: leave.clone() };
        Place {
            places: self.clone(),
            number: Cell::new(self.seat(seated)),
            leave,
            finishing: Cell::default(),
            held,
            trusted: Cell::new(self.trusting),
        }
    }

    /// Waits until nobody has a place.
    pub(super) async fn empty(&self) {
        while !self.seated.borrow().is_empty() {
            self.changed.notified().await;
        }
    }

    fn most(&self) -> usize {
        if self.trusting { CONNECTIONS } else { CONNECTIONS + STRANGERS }
    }

    fn seat(&self, seated: Seated) -> u64 {
        let number = self.next.replace(self.next.get() + 1);
        self.seated.borrow_mut().insert(number, seated);
        number
    }

    fn dismiss(&self, number: u64) {
        if let Some(seated) = self.seated.borrow_mut().remove(&number) {
            seated.leave.notify_one();
        }
    }

    fn longest_idle(&self) -> Option<u64> {
        let seated = self.seated.borrow();
        seated.iter().find(|(_, seated)| seated.state == State::Idle).map(|(number, _)| *number)
    }

    /// The oldest stranger of those that count, of the address for which that counts most.
    fn crowding(&self, count: impl Fn(&Seated) -> usize) -> Option<u64> {
        let seated = self.seated.borrow();
        let mut addresses: HashMap<Option<IpAddr>, (usize, u64)> = HashMap::new();
        for (number, seated) in seated.iter().filter(|(_, seated)| seated.state == State::Stranger) {
            let counts = count(seated);
            if counts > 0 {
                addresses.entry(seated.address).or_insert((0, *number)).0 += counts;
            }
        }
        // Of equals the one that came first.
        let most = addresses.into_values().max_by_key(|(counts, oldest)| (*counts, u64::MAX - oldest));
        most.map(|(_, oldest)| oldest)
    }

    /// Bytes that bodies of strangers will hold once those that have to leave are gone.
    fn strangers_will_hold(&self) -> usize {
        let seated = self.seated.borrow();
        seated.values().filter(|seated| seated.state == State::Stranger).map(|seated| seated.held.get()).sum()
    }
}

impl Place {
    /// True if none of its requests had a right signature.
    pub(super) fn is_strangers(&self) -> bool {
        !self.trusted.get()
    }

    /// A request has come, or its head: a publisher does not make room meanwhile.
    pub(super) fn work(&self) {
        self.with(|seated| {
            if seated.state == State::Idle {
                seated.state = State::Working;
            }
        });
    }

    /// Its request had the right signature. If all publishers work it stays a stranger.
    pub(super) fn trust(&self) {
        if !self.with(|seated| seated.state == State::Stranger).unwrap_or(false) {
            return;
        }
        let publishers = |seated: &&Seated| seated.state != State::Stranger;
        if self.places.seated.borrow().values().filter(publishers).count() >= CONNECTIONS {
            match self.places.longest_idle() {
                Some(leaver) => self.places.dismiss(leaver),
                None => return,
            }
        }
        self.with(|seated| seated.state = State::Working);
        let held = self.let_go();
        self.trusted.set(true);
        self.take(held);
    }

    /// True if it still has its place.
    pub(super) fn is_taken(&self) -> bool {
        self.with(|_| ()).is_some()
    }

    /// True if it may finish its answer although it has to leave.
    pub(super) fn is_finishing(&self) -> bool {
        self.finishing.get()
    }

    /// The answer has left.
    pub(super) fn finish(&self) {
        self.finishing.set(false);
    }

    /// Its request is answered, and its body let go.
    pub(super) fn rest(&self) {
        self.finishing.set(self.trusted.get());
        self.let_go();
        let places = &self.places;
        let Some(mut seated) = places.seated.borrow_mut().remove(&self.number.get()) else { return };
        if seated.state == State::Stranger {
            places.seated.borrow_mut().insert(self.number.get(), seated);
            return;
        }
        if places.wanted.take() {
            seated.leave.notify_one();
            places.changed.notify_waiters();
            return;
        }
        seated.state = State::Idle;
        // Those that rest are in the order in which they began to.
        self.number.set(places.seat(seated));
    }

    /// Takes so many more bytes for a body. Of strangers' bodies the one has to give way that came first from the
    /// address that holds most, and its bytes are waited for.
    pub(super) async fn hold(&self, bytes: usize) -> Result<(), NoRoom> {
        let places = &self.places;
        if self.trusted.get() {
            if places.publishers_hold.get() + bytes > BODIES {
                return Err(NoRoom);
            }
        } else {
            while places.strangers_hold.get() + bytes > places.strangers_bytes {
                if places.strangers_will_hold() + bytes > places.strangers_bytes {
                    match places.crowding(|seated| seated.held.get()) {
                        Some(leaver) if leaver != self.number.get() => places.dismiss(leaver),
                        _ => return Err(NoRoom),
                    }
                } else {
                    places.changed.notified().await;
                }
            }
        }
        self.take(bytes);
        Ok(())
    }

    fn take(&self, bytes: usize) {
        self.held.update(|held| held + bytes);
        self.total().update(|total| total + bytes);
    }

    fn let_go(&self) -> usize {
        let held = self.held.take();
        self.total().update(|total| total.saturating_sub(held));
        held
    }

    fn total(&self) -> &Cell<usize> {
        if self.trusted.get() { &self.places.publishers_hold } else { &self.places.strangers_hold }
    }

    fn with<R>(&self, what: impl FnOnce(&mut Seated) -> R) -> Option<R> {
        self.places.seated.borrow_mut().get_mut(&self.number.get()).map(what)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.let_go();
        self.places.seated.borrow_mut().remove(&self.number.get());
        self.places.changed.notify_waiters();
    }
}

/// The address range of one peer: an address, or a /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}

/// Publishers of a listener at once.
const CONNECTIONS: usize = 256;
/// Places that are left for strangers when there are as many publishers as there may be.
const STRANGERS: usize = 64;
/// Connections of a listener at once.
pub const MOST_CONNECTIONS: usize = CONNECTIONS + STRANGERS;
/// Bytes of bodies of publishers that have come and are not dealt with, of a listener.
const BODIES: usize = 64 << 20;
/// The same of strangers, or one body, if that may be larger.
const STRANGERS_BODIES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A place that there is at once.
    fn take(places: &Rc<Places>, address: &str) -> Place {
        let address = (!address.is_empty()).then(|| address.parse().unwrap());
        let mut taking = std::pin::pin!(places.take(address));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match taking.as_mut().poll(&mut context) {
            std::task::Poll::Ready(place) => place,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    fn hold(place: &Place, bytes: usize) -> Option<Result<(), NoRoom>> {
        let mut holding = std::pin::pin!(place.hold(bytes));
        match holding.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(held) => Some(held),
            std::task::Poll::Pending => None,
        }
    }

    fn is_dismissed(place: &Place) -> bool {
        !place.is_taken()
    }

    #[test]
    fn strangers_make_room_for_each_other_and_publishers_never_for_them() {
        let places = Places::new(false, 1);
        let publishers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let place = take(&places, "192.0.2.1");
                place.trust();
                place.rest();
                place
            })
            .collect();
        let strangers: Vec<_> = (0..3 * STRANGERS).map(|_| take(&places, "192.0.2.2")).collect();
        assert!(publishers.iter().all(|place| !is_dismissed(place)));
        assert!(strangers[..2 * STRANGERS].iter().all(is_dismissed), "those that came first");
        assert!(!strangers[2 * STRANGERS..].iter().any(is_dismissed));
        // One that proves to be a publisher takes the place of another.
        strangers[3 * STRANGERS - 1].trust();
        assert!(is_dismissed(&publishers[0]) && !is_dismissed(&publishers[1]));
        drop((publishers, strangers));
        assert!(places.seated.borrow().is_empty());
    }

    #[test]
    fn room_is_made_by_the_address_that_has_most() {
        let places = Places::new(false, 1);
        let few: Vec<_> = (0..4).map(|n| take(&places, &format!("192.0.2.{n}"))).collect();
        // One network of IPv6, and one address in both families.
        let many: Vec<_> =
            (0..2 * MOST_CONNECTIONS).map(|n| take(&places, &format!("2001:db8::{n:x}"))).collect();
        assert!(!few.iter().any(is_dismissed));
        assert_eq!(many.iter().filter(|place| !is_dismissed(place)).count(), MOST_CONNECTIONS - 4);
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn bodies_of_strangers_give_way_by_address_and_publishers_have_a_budget_of_their_own() {
        let places = Places::new(false, 1);
        let mut hog: Vec<_> = (0..4).map(|_| take(&places, "192.0.2.1")).collect();
        hog.iter().for_each(|place| assert_eq!(hold(place, STRANGERS_BODIES / 4), Some(Ok(()))));
        let (honest, publisher) = (take(&places, "192.0.2.2"), take(&places, "192.0.2.3"));
        assert_eq!(hold(&honest, 2 << 20), None, "the bytes of the one that has to leave are still there");
        assert!(is_dismissed(&hog[0]) && !is_dismissed(&hog[1]));
        drop(hog.remove(0));
        assert_eq!(hold(&honest, 2 << 20), Some(Ok(())));
        publisher.trust();
        assert_eq!(hold(&publisher, BODIES), Some(Ok(())));
        assert_eq!(hold(&publisher, 1), Some(Err(NoRoom)));
        publisher.rest();
        assert_eq!(hold(&publisher, 1), Some(Ok(())));
        assert_eq!(hold(&honest, STRANGERS_BODIES), Some(Err(NoRoom)), "that it has too much itself");
        assert!(!is_dismissed(&honest));
        drop((hog, honest, publisher));
        assert_eq!((places.strangers_hold.get(), places.publishers_hold.get()), (0, 0));
    }

    #[test]
    fn a_body_that_is_larger_than_the_budget_of_all_is_taken_alone() {
        let places = Places::new(false, 2 * STRANGERS_BODIES);
        let large = take(&places, "192.0.2.1");
        assert_eq!(hold(&large, 2 * STRANGERS_BODIES), Some(Ok(())));
    }

    #[test]
    fn who_has_been_idle_longest_leaves_first_and_who_works_does_not() {
        let places = Places::new(true, 1);
        let seats: Vec<_> = (0..CONNECTIONS).map(|_| take(&places, "")).collect();
        seats[0].work();
        seats[0].rest();
        seats[1].work();
        let _late = take(&places, "");
        assert!(!is_dismissed(&seats[0]) && !is_dismissed(&seats[1]) && is_dismissed(&seats[2]));
    }

    #[test]
    fn while_all_work_one_waits_for_the_first_that_is_done() {
        let places = Places::new(true, 1);
        let seats: Vec<_> = (0..CONNECTIONS).map(|_| take(&places, "")).collect();
        seats.iter().for_each(Place::work);
        let mut waiting = std::pin::pin!(places.take(None));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        seats[5].rest();
        seats[6].rest();
        assert!(waiting.as_mut().poll(&mut context).is_ready());
        assert!(is_dismissed(&seats[5]) && !is_dismissed(&seats[6]));
    }
}
