//! A DNS query, as a list of names lets it through.

use camfence::config::DnsName;

use super::ip::{LAST_START, Packet, Part};

const UDP_HEADER: usize = 8;
const DNS_HEADER: usize = 12;
const TYPE_AND_CLASS: usize = 4;
const LONGEST_NAME: usize = 255;

type Labels = Vec<Vec<u8>>;

/// Whether a UDP packet to port 53 asks for a name of a list and for nothing else.
pub(super) fn asks_for(names: &[DnsName], packet: &Packet, udp_length: u16) -> bool {
    let body = packet.body;
    if packet.part != Part::Whole
        || usize::from(udp_length) != body.len()
        || body.len() < UDP_HEADER + DNS_HEADER + 1 + TYPE_AND_CLASS
    {
        return false;
    }
    let (header, question) = body[UDP_HEADER..].split_at(DNS_HEADER);
    let first = packet.at + UDP_HEADER + DNS_HEADER;
    let Some((asked, behind)) = labels(question, first) else { return false };
    let at = first + question.len() - behind.len();
    is_query(header)
        && names.iter().any(|name| fits(name, &asked))
        && match header[11] {
            0 => behind.is_empty(),
            _ => is_edns(behind, at),
        }
}

/// A question, one, and nothing else but perhaps EDNS.
fn is_query(header: &[u8]) -> bool {
    const RESPONSE_AND_OPCODE: u8 = 0b1111_1000;
    header[2] & RESPONSE_AND_OPCODE == 0
        && header[4..10] == [0, 1, 0, 0, 0, 0]
        && matches!(header[10..], [0, 0 | 1])
}

/// One record of EDNS and nothing behind it: the root, type 41, class and lifetime of any value,
/// and as many bytes as it says. `at` is where it starts in the frame.
fn is_edns(record: &[u8], at: usize) -> bool {
    const LENGTH: usize = 9;
    let Some((fixed, data)) = record.split_at_checked(LENGTH + 2) else { return false };
    let length = usize::from(u16::from_be_bytes([fixed[LENGTH], fixed[LENGTH + 1]]));
    fixed[..3] == [0, 0, 41] && data.len() == length && !starts_too_late(at + LENGTH + 1)
}

/// The labels of the question's name, in lower case, and what follows its type and class. `at` is
/// where it starts in the frame.
fn labels(question: &[u8], at: usize) -> Option<(Labels, &[u8])> {
    let mut labels = Labels::new();
    let mut rest = question;
    loop {
        let taken = question.len() - rest.len();
        if starts_too_late(at + taken) {
            return None;
        }
        let (&length, behind) = rest.split_first()?;
        if length == 0 {
            let (_, behind) = behind.split_at_checked(TYPE_AND_CLASS)?;
            let sound = !labels.is_empty() && taken < LONGEST_NAME;
            return sound.then_some((labels, behind));
        }
        let (label, behind) = behind.split_at_checked(length.into())?;
        if length > 63 || !label.iter().all(|byte| is_name_byte(*byte)) {
            return None;
        }
        labels.push(label.to_ascii_lowercase());
        rest = behind;
    }
}

/// No label starts behind the last offset that is looked at.
fn starts_too_late(at: usize) -> bool {
    at > LAST_START
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn fits(name: &DnsName, asked: &Labels) -> bool {
    let listed: Labels = name.name.split('.').map(|label| label.as_bytes().to_vec()).collect();
    if name.below {
        asked.len() > listed.len() && asked.ends_with(&listed)
    } else {
        *asked == listed
    }
}
