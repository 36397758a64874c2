use proptest::prelude::*;
use simple_dns::{CLASS, Label, QCLASS, QTYPE, Question, TYPE, rdata};

use super::*;

const CAM: Mac = Mac([2, 0, 0, 0, 0, 1]);
const THEN: SystemTime = SystemTime::UNIX_EPOCH;

fn question(name: &'static str) -> Packet<'static> {
    let mut packet = Packet::new_query(7);
    packet.set_flags(PacketFlag::RESPONSE);
    let (kind, class) = (QTYPE::TYPE(TYPE::A), QCLASS::CLASS(CLASS::IN));
    packet.questions.push(Question::new(Name::new_unchecked(name), kind, class, false));
    packet
}

fn add(packet: &mut Packet<'static>, owner: &'static str, data: RData<'static>) {
    let record = ResourceRecord::new(Name::new_unchecked(owner), CLASS::IN, 60, data);
    packet.answers.push(record);
}

fn a(last: u8) -> RData<'static> {
    RData::A(rdata::A { address: u32::from_be_bytes([203, 0, 113, last]) })
}

fn cname(target: &'static str) -> RData<'static> {
    RData::CNAME(rdata::CNAME(Name::new_unchecked(target)))
}

fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    packet.build_bytes_vec_compressed().unwrap()
}

fn peer(last: u8) -> IpAddr {
    [203, 0, 113, last].into()
}

#[test]
fn addresses_belong_to_the_name_that_was_asked_for() {
    let mut packet = question("P2P.example");
    add(&mut packet, "p2p.example", cname("edge.example"));
    add(&mut packet, "edge.example", cname("node.example"));
    add(&mut packet, "node.example", a(7));
    add(&mut packet, "node.example", a(8));
    let six = "2001:db8::7".parse::<Ipv6Addr>().unwrap();
    add(&mut packet, "node.example", RData::AAAA(rdata::AAAA { address: six.into() }));
    // Nobody asked for that.
    add(&mut packet, "other.example", a(9));
    let mut names = Names::default();
    names.learn(CAM, &bytes(&packet), THEN);
    for address in [peer(7), peer(8), six.into()] {
        assert_eq!(names.of(CAM, address).map(Printable::as_str), Some("P2P.example"), "{address}");
    }
    assert_eq!(names.of(CAM, peer(9)), None);
    assert_eq!(names.of(Mac([2, 0, 0, 0, 0, 2]), peer(7)), None, "another camera's");
    let mut again = question("new.example");
    add(&mut again, "new.example", a(7));
    names.learn(CAM, &bytes(&again), THEN);
    assert_eq!(names.of(CAM, peer(7)).map(Printable::as_str), Some("new.example"));
    assert_eq!(names.iter().count(), 3);
}

#[test]
fn what_is_no_answer_says_nothing() {
    let good = || {
        let mut packet = question("p2p.example");
        add(&mut packet, "p2p.example", a(7));
        packet
    };
    let mut query = good();
    query.remove_flags(PacketFlag::RESPONSE);
    let mut failed = good();
    *failed.rcode_mut() = RCODE::NameError;
    let mut two = good();
    two.questions.push(good().questions.remove(0));
    let mut none = good();
    none.questions.clear();
    let mut update = good();
    *update.opcode_mut() = OPCODE::Update;
    let mut around = question("p2p.example");
    add(&mut around, "p2p.example", cname("p2p.example"));
    for packet in [query, failed, two, none, update, around] {
        let mut names = Names::default();
        names.learn(CAM, &bytes(&packet), THEN);
        assert_eq!(names.iter().count(), 0, "{packet:?}");
    }
    let whole = bytes(&good());
    for len in 0..whole.len() {
        assert_eq!(read(&whole[..len]), None, "{len}");
    }
    let mut boast = whole;
    boast[6] = 0xff;
    assert_eq!(read(&boast), None, "claims 65,000 answers");
}

#[test]
fn hostile_names_are_fit_to_be_shown() {
    let labels: [&[u8]; 4] = [b"\x1b[31mred", "\u{202e}evil".as_bytes(), b"<b>\xff\0", b"a b\""];
    let labels: Vec<Label<'static>> =
        labels.iter().map(|label| Label::new_unchecked(*label)).collect();
    let name = Name::new_with_labels(&labels);
    let mut packet = question("x");
    packet.questions[0].qname = name.clone();
    packet.answers.push(ResourceRecord::new(name, CLASS::IN, 60, a(7)));
    let mut names = Names::default();
    names.learn(CAM, &bytes(&packet), THEN);
    let shown = names.of(CAM, peer(7)).unwrap();
    assert_eq!(shown.as_str(), r#"\u{1b}[31mred.\u{202e}evil.<b>\xff\0.a b""#);
}

#[test]
fn the_oldest_make_way() {
    let mut names = Names::default();
    let one = || Named { name: "n".into(), learned: THEN };
    for number in 0..=u32::try_from(MOST_OF_A_CAMERA).unwrap() {
        names.restore(CAM, Ipv4Addr::from(number).into(), one());
    }
    assert_eq!(names.iter().count(), MOST_OF_A_CAMERA);
    assert_eq!(names.of(CAM, Ipv4Addr::from(0).into()), None);
    assert!(names.of(CAM, Ipv4Addr::from(1).into()).is_some());
    for number in 0..u32::try_from(MOST_NAMES).unwrap() {
        let [_, _, high, low] = number.to_be_bytes();
        names.restore(Mac([4, 0, 0, 0, high, low]), peer(7), one());
    }
    assert_eq!((names.order.len(), names.iter().count()), (MOST_NAMES, MOST_NAMES));
    assert!(!names.cameras.contains_key(&CAM), "nothing is left of whom nothing is known");
}

proptest! {
    #[test]
    fn garbage_says_nothing_that_cannot_be_shown(
        mut message in prop::collection::vec(any::<u8>(), 0..512),
        header in any::<bool>(),
    ) {
        if header && message.len() >= HEADER {
            // An answer with one question, so that more of it is read.
            message[2..HEADER].copy_from_slice(&[0x80, 0, 0, 1, 0, 3, 0, 0, 0, 0]);
        }
        let mut names = Names::default();
        names.learn(CAM, &message, THEN);
        for (_, _, named) in names.iter() {
            prop_assert_eq!(&Printable::from(named.name.as_str()), &named.name);
        }
    }

    #[test]
    fn damage_is_no_more_than_another_answer(at in 0_usize..80, byte: u8) {
        let mut packet = question("p2p.example");
        add(&mut packet, "p2p.example", cname("edge.example"));
        add(&mut packet, "edge.example", a(7));
        let mut message = bytes(&packet);
        let at = at % message.len();
        message[at] = byte;
        Names::default().learn(CAM, &message, THEN);
    }
}
