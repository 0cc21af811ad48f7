use super::*;

#[test]
fn a_worker_that_asks_and_does_not_read_has_one_answer_waiting() {
    let mut lane = Lane::create(1 << 20).unwrap();
    for number in 0..1000_u16 {
        lane.answer(vec![number as u8; 10_000]);
    }
    assert!(lane.backlog.is_empty() && lane.pieces.is_none());
    assert_eq!(lane.answer.as_ref().map(|answer| answer[0]), Some(999_u16 as u8));
}
