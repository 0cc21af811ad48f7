//! The order of commands, and the bytes in transit.

use super::*;
use crate::queue::ConnectionId;

/// A command with `number` as its connection's place.
fn command(number: usize) -> Command {
    Command::Pause { id: ConnectionId::new(0, number, 0) }
}

fn taken(receiver: &mut CommandReceiver) -> Vec<usize> {
    std::iter::from_fn(|| receiver.pop())
        .map(|command| match command {
            Command::Pause { id } => id.place(),
            _ => usize::MAX,
        })
        .collect()
}

#[test]
fn commands_of_all_producers_are_taken_in_the_order_in_which_they_were_sent() {
    let (mut primary, mut secondary, mut receiver) = commands();
    let mut third = secondary.secondary().unwrap();
    primary.push(command(1));
    secondary.push(command(2));
    primary.push(command(3));
    third.push(command(4));
    secondary.push(command(5));
    primary.push(command(6));
    assert_eq!(taken(&mut receiver), [1, 2, 3, 4, 5, 6]);
    assert!(receiver.is_empty() && receiver.pop().is_none());
    secondary.push(command(7));
    primary.push(command(8));
    assert_eq!(taken(&mut receiver), [7, 8]);
}

#[test]
fn a_secondary_command_sent_in_between_is_not_overtaken() {
    let (mut primary, mut secondary, mut receiver) = commands();
    primary.push(command(1));
    primary.push(command(2));
    assert!(matches!(receiver.pop(), Some(Command::Pause { id }) if id.place() == 1));
    secondary.push(command(3));
    primary.push(command(4));
    assert_eq!(taken(&mut receiver), [2, 3, 4]);
}

#[test]
fn bytes_in_transit_are_counted_for_each_queue() {
    let (mut primary, mut secondary, mut receiver) = commands();
    let size = command(1).size();
    primary.push(command(1));
    secondary.push(command(2));
    assert!(primary.is_behind_by(size - 1) && !primary.is_behind_by(size));
    assert!(secondary.is_behind_by(size - 1) && !secondary.is_behind_by(size));
    assert_eq!(taken(&mut receiver).len(), 2);
    receiver.report();
    assert!(!primary.is_behind_by(0) && !secondary.is_behind_by(0));
    secondary.push(command(3));
    drop(receiver);
    assert!(!secondary.is_behind_by(0), "a shard that has ended keeps no producer waiting");
}
