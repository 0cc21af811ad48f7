//! Finding the connections of an audience among many.

use std::sync::Arc;

use criterion::Criterion;
use ferrite::{
    config::Limits,
    connection::SendGauge,
    hub::{Audience, Hub, Query},
    queue::{Accept, ConnectionId, TagValue},
};

/// Connections with ten tags each, and those among them that the audiences select.
const CONNECTIONS: usize = 15_000;
const MEANT: usize = 1_000;

pub(crate) fn bench(criterion: &mut Criterion) {
    let hub = Hub::new(2, Limits::default(), None);
    for n in 0..CONNECTIONS {
        let id = ConnectionId::new(n % 2, n / 2, n as u64 + 1);
        let tag = |name: &str, value: usize| (Arc::from(name), TagValue::Int(value as i64));
        let mut tags: Vec<_> = (0..7).map(|k| tag(&format!("tag{k}"), n * (k + 1) % (k + 2))).collect();
        tags.extend([tag("group", n % (CONNECTIONS / MEANT)), tag("number", n), tag("half", n % 2)]);
        let topics = vec![Arc::from("news")];
        let accept = Accept { user: Some(format!("user{}", n / 2)), tags, topics, ..Accept::default() };
        hub.admit(Arc::new(SendGauge::new(id)), &accept, None);
    }
    let tags = |query: &str| {
        let query = Query::parse(query).expect("a query");
        Audience { tags: Some(query), ..Audience::default() }
    };
    let topic = Audience { topics: Some(vec!["news".into()]), ..tags("group=3 & !number=3") };
    let user = Audience { users: Some(vec!["user7".into()]), ..Audience::default() };
    for (name, audience, meant) in [
        ("one-tag", tags("group=3"), MEANT),
        ("and-or-not", tags("group=3 & (half=0 | half=1) & !number=7"), MEANT),
        ("topic-and-tags", topic, MEANT - 1),
        ("user", user, 2),
        ("all-but", tags("!group=3"), CONNECTIONS - MEANT),
    ] {
        assert_eq!(hub.select(&audience).len(), meant, "{name}");
        criterion.bench_function(&format!("audience/{name}"), |bench| bench.iter(|| hub.select(&audience)));
    }
}
