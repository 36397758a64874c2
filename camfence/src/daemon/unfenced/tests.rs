use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Times(Instant);

impl Times {
    fn at(&self, seconds: u32) -> Instant {
        self.0 + SECOND * seconds
    }
}

fn times() -> Times {
    Times(Instant::now())
}

fn port(ifindex: u32, was_enforcing: bool, problem: Option<&str>) -> [FollowedPort; 1] {
    let (name, problem) = ("p".into(), problem.map(Into::into));
    [FollowedPort { name, ifindex, was_enforcing, problem }]
}

fn enforcing(seconds: u32) -> Vec<Note> {
    vec![Note::Enforcing { port: "p".into(), after: SECOND * seconds }]
}

fn not_enforcing(problem: &str) -> Vec<Note> {
    vec![Note::NotEnforcing { port: "p".into(), problem: problem.into() }]
}

fn total(unfenced: &Unfenced, now: Instant) -> Duration {
    unfenced.totals(now)["p"]
}

#[test]
fn a_port_that_enforces_is_no_news() {
    let (t, mut unfenced) = (times(), Unfenced::default());
    assert_eq!(unfenced.observe(t.at(0), t.at(1), &port(1, true, None)), []);
    assert_eq!(unfenced.observe(t.at(5), t.at(6), &port(1, true, None)), []);
    assert_eq!(total(&unfenced, t.at(60)), Duration::ZERO);
}

#[test]
fn a_new_port_counts_from_when_it_was_noticed() {
    let (t, mut unfenced) = (times(), Unfenced::default());
    unfenced.observe(t.at(0), t.at(1), &port(1, true, None));
    assert_eq!(unfenced.observe(t.at(10), t.at(12), &port(2, false, None)), enforcing(2));
    assert_eq!(total(&unfenced, t.at(60)), SECOND * 2);
}

#[test]
fn one_that_stopped_behind_our_back_counts_from_the_last_look() {
    let (t, mut unfenced) = (times(), Unfenced::default());
    unfenced.observe(t.at(0), t.at(1), &port(1, true, None));
    assert_eq!(unfenced.observe(t.at(10), t.at(11), &port(1, false, None)), enforcing(10));
    assert_eq!(total(&unfenced, t.at(60)), SECOND * 10);
}

#[test]
fn one_that_cannot_be_fenced_counts_on_and_is_told_of_once() {
    let (t, mut unfenced) = (times(), Unfenced::default());
    let busy = port(1, false, Some("busy"));
    assert_eq!(unfenced.observe(t.at(0), t.at(1), &busy), not_enforcing("busy"));
    assert_eq!(unfenced.observe(t.at(5), t.at(6), &busy), []);
    assert_eq!(total(&unfenced, t.at(7)), SECOND * 7);
    let other = port(1, false, Some("other"));
    assert_eq!(unfenced.observe(t.at(8), t.at(9), &other), not_enforcing("other"));
    assert_eq!(unfenced.observe(t.at(10), t.at(11), &port(1, false, None)), enforcing(11));
    assert_eq!(total(&unfenced, t.at(60)), SECOND * 11);
}

#[test]
fn one_that_is_gone_counts_no_longer() {
    let (t, mut unfenced) = (times(), Unfenced::default());
    unfenced.observe(t.at(0), t.at(1), &port(1, false, Some("busy")));
    assert_eq!(unfenced.observe(t.at(2), t.at(3), &[]), []);
    assert_eq!(total(&unfenced, t.at(60)), SECOND * 3);
}

#[test]
fn one_made_again_while_it_was_not_enforcing_is_another() {
    let (t, mut unfenced) = (times(), Unfenced::default());
    unfenced.observe(t.at(0), t.at(1), &port(1, false, Some("busy")));
    assert_eq!(unfenced.observe(t.at(10), t.at(11), &port(2, false, None)), enforcing(1));
    assert_eq!(total(&unfenced, t.at(60)), SECOND * 11);
}

#[test]
fn names_are_not_remembered_without_end() {
    let (t, mut unfenced) = (times(), Unfenced::default());
    for index in 0..3_000 {
        let mut seen = port(index, true, None);
        seen[0].name = format!("veth{index}");
        unfenced.observe(t.at(index), t.at(index), &seen);
    }
    assert_eq!(unfenced.totals(t.at(0)).len(), MOST_NAMES);
}
