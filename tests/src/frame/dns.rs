//! DNS messages (RFC 1035), honest and not.

use std::net::IpAddr;

use super::{Frame, length};

/// Where a resolver listens.
const DNS_PORT: u16 = 53;
/// A port that a client asks from.
const CLIENT_PORT: u16 = 40_000;
/// Recursion desired, as clients ask.
const RECURSION_DESIRED: u16 = 0x0100;
const RESPONSE: u16 = 0x8000;
/// The two bits that make a length of a label a pointer to another name.
const POINTER: u16 = 0xc000;
const INTERNET: u16 = 1;

/// A DNS message: one question for an address, unless it says otherwise.
#[derive(Debug, Clone)]
#[must_use]
pub struct Dns {
    flags: u16,
    /// Questions, answers, authorities and additional records.
    counts: [u16; 4],
    name: Vec<u8>,
    kind: u16,
    behind: Vec<u8>,
}

impl Dns {
    /// An address, IPv4.
    pub const A: u16 = 1;
    /// Any text, as tunnels ask for.
    pub const TXT: u16 = 16;
    /// An address, IPv6.
    pub const AAAA: u16 = 28;

    /// Asks for the address of a name whose labels are between dots.
    pub fn query(name: &str) -> Self {
        Self::labels(name.split('.').filter(|label| !label.is_empty()))
    }

    /// Asks for the address of a name with these labels, whatever is in them; of the root
    /// without any.
    pub fn labels(labels: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut message = Self::unended(labels);
        message.name.push(0);
        message
    }

    /// The same, of a name that does not end before type and class do.
    pub fn unended(labels: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let name = labels.into_iter().flat_map(|label| encoded(label.as_ref())).collect();
        Self { flags: RECURSION_DESIRED, counts: [1, 0, 0, 0], name, kind: Self::A, behind: vec![] }
    }

    /// Lets the name end in a pointer to another place in the message.
    pub fn pointing_to(mut self, offset: u16) -> Self {
        self.name.pop();
        self.name.extend((POINTER | offset).to_be_bytes());
        self
    }

    /// Claims that the first label is as long as that, or that it is none (from 64 on).
    pub fn claim_label(mut self, length: u8) -> Self {
        self.name[0] = length;
        self
    }

    /// Sets what is asked for.
    pub fn kind(mut self, kind: u16) -> Self {
        self.kind = kind;
        self
    }

    /// Makes it an answer, though there is none in it.
    pub fn response(mut self) -> Self {
        self.flags |= RESPONSE;
        self
    }

    /// Adds an answer: a record of a name, whatever is in it. Makes it an answer.
    pub fn answer(self, owner: &str, kind: u16, data: &[u8]) -> Self {
        let labels = owner.split('.').filter(|label| !label.is_empty());
        self.answer_of(labels, kind, data)
    }

    /// The same of a name with these labels.
    pub fn answer_of(
        mut self,
        owner: impl IntoIterator<Item = impl AsRef<[u8]>>,
        kind: u16,
        data: &[u8],
    ) -> Self {
        const TTL: u32 = 300;
        self.flags |= RESPONSE;
        self.counts[1] += 1;
        self.behind.extend(name(owner));
        self.behind.extend([kind.to_be_bytes(), INTERNET.to_be_bytes()].concat());
        self.behind.extend(TTL.to_be_bytes());
        self.behind.extend(length(data.len()).to_be_bytes());
        self.behind.extend(data);
        self
    }

    /// Answers that a name has an address.
    ///
    /// # Panics
    /// If it is none.
    pub fn address(self, owner: &str, address: &str) -> Self {
        match address.parse().expect("an address") {
            IpAddr::V4(address) => self.answer(owner, Self::A, &address.octets()),
            IpAddr::V6(address) => self.answer(owner, Self::AAAA, &address.octets()),
        }
    }

    /// Answers that a name stands for another.
    pub fn alias(self, owner: &str, target: &str) -> Self {
        const CNAME: u16 = 5;
        let target = name(target.split('.').filter(|label| !label.is_empty()));
        self.answer(owner, CNAME, &target)
    }

    /// Says that it went wrong: 3 is a name that there is not.
    pub fn code(mut self, code: u8) -> Self {
        self.flags |= u16::from(code & 0xf);
        self
    }

    /// Sets what is to be done: 4 is a notification, 5 an update.
    pub fn opcode(mut self, opcode: u8) -> Self {
        self.flags |= u16::from(opcode & 0xf) << 11;
        self
    }

    /// Claims so many questions, answers, authorities and additional records.
    pub fn claim_counts(mut self, counts: [u16; 4]) -> Self {
        self.counts = counts;
        self
    }

    /// Asks for a second name.
    pub fn and(mut self, second: &Self) -> Self {
        self.counts[0] += second.counts[0];
        self.behind.extend(second.question());
        self
    }

    /// Adds the record that says what the client understands beyond RFC 1035 (RFC 6891).
    pub fn edns(mut self) -> Self {
        const ROOT: u8 = 0;
        const OPT: u16 = 41;
        const UDP_PAYLOAD: u16 = 1232;
        const NO_FLAGS: [u8; 4] = [0; 4];
        const NO_OPTIONS: [u8; 2] = [0; 2];
        self.counts[3] += 1;
        self.behind.push(ROOT);
        self.behind.extend([OPT.to_be_bytes(), UDP_PAYLOAD.to_be_bytes()].concat());
        self.behind.extend(NO_FLAGS);
        self.behind.extend(NO_OPTIONS);
        self
    }

    /// The message as UDP carries it.
    pub fn bytes(&self) -> Vec<u8> {
        const IDENTIFIER: u16 = 1;
        let header = [IDENTIFIER, self.flags].into_iter().chain(self.counts);
        let mut bytes: Vec<u8> = header.flat_map(u16::to_be_bytes).collect();
        bytes.extend(self.question());
        bytes.extend(&self.behind);
        bytes
    }

    /// The message as TCP carries it: behind its length.
    pub fn over_tcp(&self) -> Vec<u8> {
        let bytes = self.bytes();
        [length(bytes.len()).to_be_bytes().as_slice(), &bytes].concat()
    }

    fn question(&self) -> Vec<u8> {
        let mut question = self.name.clone();
        question.extend([self.kind.to_be_bytes(), INTERNET.to_be_bytes()].concat());
        question
    }
}

/// A whole name as a message has it.
fn name(labels: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    labels.into_iter().flat_map(|label| encoded(label.as_ref())).chain([0]).collect()
}

fn encoded(label: &[u8]) -> Vec<u8> {
    let length = u8::try_from(label.len()).expect("a label's length is one byte");
    [&[length], label].concat()
}

impl Frame {
    /// Sends a DNS message to a resolver, over UDP.
    pub fn dns(self, message: &Dns) -> Self {
        self.udp(CLIENT_PORT, DNS_PORT).payload(message.bytes())
    }

    /// Sends a DNS message to a resolver in an established session of TCP.
    #[track_caller]
    pub fn dns_over_tcp(self, message: &Dns) -> Self {
        self.tcp(CLIENT_PORT, DNS_PORT).psh().ack().payload(message.over_tcp())
    }

    /// Asks all neighbours for a name (multicast DNS, RFC 6762).
    pub fn mdns(self, message: &Dns) -> Self {
        const PORT: u16 = 5353;
        self.udp(PORT, PORT).payload(message.bytes())
    }

    /// Asks all neighbours for a name (LLMNR, RFC 4795).
    pub fn llmnr(self, message: &Dns) -> Self {
        const PORT: u16 = 5355;
        self.udp(CLIENT_PORT, PORT).payload(message.bytes())
    }
}
