use super::*;

fn pair(capacity: usize) -> (Duplex, Duplex) {
    let (front, parts) = Duplex::create(capacity).unwrap();
    let worker = Duplex::attach(&parts, capacity).unwrap();
    (front, worker)
}

#[test]
fn records_come_out_as_they_went_in_around_the_end_of_the_ring() {
    let (mut front, mut worker) = pair(4096);
    let mut buffer = Vec::new();
    for round in 0..2000_usize {
        let payload = vec![round as u8; round * 7 % front.most()];
        assert!(front.write(round as u32, &[&payload[..payload.len() / 2], &payload[payload.len() / 2..]]));
        let _ = front.publish();
        assert_eq!(worker.read(&mut buffer), Ok(Some(round as u32)));
        assert_eq!(buffer, payload);
        let _ = worker.release();
    }
    assert_eq!(worker.read(&mut buffer), Ok(None));
}

#[test]
fn a_record_without_room_is_refused_and_the_writer_is_woken_when_there_is_room() {
    let (mut front, mut worker) = pair(4096);
    let payload = [7; 1000];
    let mut written = 0;
    while front.write(1, &[&payload]) {
        written += 1;
    }
    assert_eq!(written, 4);
    let _ = front.publish();
    assert!(!front.has_room_for(payload.len()));
    let mut buffer = Vec::new();
    assert_eq!(worker.read(&mut buffer), Ok(Some(1)));
    assert_eq!(worker.read(&mut buffer), Ok(Some(1)));
    assert!(worker.release());
    assert!(front.has_room_for(payload.len()) && front.write(1, &[&payload]));
    assert!(!front.write(1, &[&[0; 5000]]), "larger than a record may be");
}

#[test]
fn a_sleeper_is_woken_for_the_first_record_and_not_while_it_is_awake() {
    let (mut front, mut worker) = pair(4096);
    assert!(front.write(1, &[b"a"]) && !front.publish());
    assert!(!worker.announce_sleep(), "a record waits");
    let mut buffer = Vec::new();
    assert_eq!(worker.read(&mut buffer), Ok(Some(1)));
    assert!(worker.announce_sleep());
    assert!(!front.publish(), "nothing new");
    assert!(front.write(1, &[b"b"]) && front.publish());
    worker.set_awake();
    assert!(front.write(1, &[b"c"]) && !front.publish());
}

#[test]
fn a_note_arrives_with_its_line_and_is_cut_where_it_is_too_long() {
    let (front, worker) = pair(4096);
    assert_eq!(front.peer_note(), None);
    for (line, text) in [(0, "/a.php:0"), (7, "/a.php:7"), (u32::MAX, "/a.php:4294967295")] {
        worker.note().write(b"/a.php", line);
        assert_eq!(front.peer_note().as_deref(), Some(text));
    }
    worker.note().write(&[b'x'; 5000], 12);
    let note = front.peer_note().unwrap();
    assert!(note.ends_with("x:12") && note.len() <= note::MOST);
}

#[test]
fn a_peer_that_lies_about_its_records_is_noticed() {
    let mut buffer = Vec::new();
    for (head, word) in [(4096 * 3, 0_u64), (12, 0), (16, 1 << 20), (16, 100), (8, SKIP), (!7, 0)] {
        let (mut front, worker) = pair(4096);
        assert!(worker.mine.copy_in(HEADER, &word.to_le_bytes()));
        worker.mine.store(HEAD, head);
        assert!(front.read(&mut buffer).is_err(), "{head} {word}");
    }
}

#[test]
fn a_worker_cannot_map_the_records_of_the_front_for_writing_nor_cut_them_short() {
    let (_front, parts) = Duplex::create(4096).unwrap();
    assert!(Segment::map(&parts.makers, HEADER + 4096, true).is_err());
    assert!(ftruncate(&parts.makers, 10).is_err() && ftruncate(&parts.peers, 10).is_err());
}

use nix::unistd::ftruncate;
