//! DHCP (RFC 2131) and DHCPv6 (RFC 8415).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Frame;
use crate::addr::{Literal, Mac};

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const SERVER_PORT_V6: u16 = 547;
const CLIENT_PORT_V6: u16 = 546;

/// Options of DHCP, by number.
const HOSTNAME: u8 = 12;
const REQUESTED_ADDRESS: u8 = 50;
const MESSAGE_TYPE: u8 = 53;
const SERVER: u8 = 54;
const VENDOR_CLASS: u8 = 60;
const END: u8 = 255;

/// A DHCP message.
#[derive(Debug, Clone)]
#[must_use]
pub struct Dhcp {
    from_server: bool,
    address_length: u8,
    client: Mac,
    client_address: Ipv4Addr,
    offered: Ipv4Addr,
    options: Vec<u8>,
}

impl Dhcp {
    /// A client looks for servers.
    pub fn discover(client: impl Literal<Mac>) -> Self {
        Self::client(client.value(), 1)
    }

    /// A client takes an address that it was offered.
    pub fn request(client: impl Literal<Mac>, address: impl Literal<Ipv4Addr>) -> Self {
        Self::client(client.value(), 3).option(REQUESTED_ADDRESS, address.value().octets())
    }

    /// A client keeps its address.
    pub fn renew(client: impl Literal<Mac>, address: impl Literal<Ipv4Addr>) -> Self {
        Self { client_address: address.value(), ..Self::client(client.value(), 3) }
    }

    /// A client gives its address back.
    pub fn release(client: impl Literal<Mac>, address: impl Literal<Ipv4Addr>) -> Self {
        Self { client_address: address.value(), ..Self::client(client.value(), 7) }
    }

    /// A client with an address asks for the rest.
    pub fn inform(client: impl Literal<Mac>, address: impl Literal<Ipv4Addr>) -> Self {
        Self { client_address: address.value(), ..Self::client(client.value(), 8) }
    }

    /// A server offers an address.
    pub fn offer(
        client: impl Literal<Mac>,
        address: impl Literal<Ipv4Addr>,
        server: impl Literal<Ipv4Addr>,
    ) -> Self {
        Self::server(client.value(), 2, address.value(), server.value())
    }

    /// A server grants an address.
    pub fn ack(
        client: impl Literal<Mac>,
        address: impl Literal<Ipv4Addr>,
        server: impl Literal<Ipv4Addr>,
    ) -> Self {
        Self::server(client.value(), 5, address.value(), server.value())
    }

    /// The client says its name.
    pub fn hostname(self, name: impl AsRef<[u8]>) -> Self {
        self.option(HOSTNAME, name)
    }

    /// The client says what it is.
    pub fn vendor_class(self, class: impl AsRef<[u8]>) -> Self {
        self.option(VENDOR_CLASS, class)
    }

    /// Claims another length of the client's hardware address.
    pub fn claim_address_length(mut self, bytes: u8) -> Self {
        self.address_length = bytes;
        self
    }

    fn client(client: Mac, message_type: u8) -> Self {
        Self {
            from_server: false,
            address_length: 6,
            client,
            client_address: Ipv4Addr::UNSPECIFIED,
            offered: Ipv4Addr::UNSPECIFIED,
            options: vec![],
        }
        .option(MESSAGE_TYPE, [message_type])
    }

    fn server(client: Mac, message_type: u8, offered: Ipv4Addr, server: Ipv4Addr) -> Self {
        Self { from_server: true, offered, ..Self::client(client, message_type) }
            .option(SERVER, server.octets())
    }

    fn option(mut self, number: u8, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        let length = u8::try_from(value.len()).expect("an option's length is one byte");
        self.options.extend([number, length]);
        self.options.extend(value);
        self
    }

    /// The message as UDP carries it.
    pub fn bytes(&self) -> Vec<u8> {
        const ETHERNET: u8 = 1;
        const NO_HOPS: u8 = 0;
        const TRANSACTION: u32 = 0x1234_5678;
        const SECONDS_AND_FLAGS: [u8; 4] = [0; 4];
        const NO_RELAY: [u8; 4] = [0; 4];
        const REST_OF_HARDWARE_ADDRESS: [u8; 10] = [0; 10];
        const NAMES: [u8; 64 + 128] = [0; 64 + 128];
        const COOKIE: [u8; 4] = [99, 130, 83, 99];
        let operation = if self.from_server { 2 } else { 1 };
        let mut bytes = vec![operation, ETHERNET, self.address_length, NO_HOPS];
        bytes.extend(TRANSACTION.to_be_bytes());
        bytes.extend(SECONDS_AND_FLAGS);
        bytes.extend(self.client_address.octets());
        bytes.extend(self.offered.octets());
        bytes.extend([[0; 4], NO_RELAY].concat());
        bytes.extend(self.client.0);
        bytes.extend(REST_OF_HARDWARE_ADDRESS);
        bytes.extend(NAMES);
        bytes.extend(COOKIE);
        bytes.extend(&self.options);
        bytes.push(END);
        bytes
    }
}

/// A DHCPv6 message of a client or server.
#[derive(Debug, Clone)]
#[must_use]
pub struct Dhcpv6 {
    message_type: u8,
    client: Mac,
}

impl Dhcpv6 {
    /// A client looks for servers.
    pub fn solicit(client: impl Literal<Mac>) -> Self {
        Self { message_type: 1, client: client.value() }
    }

    /// A server offers itself.
    pub fn advertise(client: impl Literal<Mac>) -> Self {
        Self { message_type: 2, client: client.value() }
    }

    /// A client asks a server for an address.
    pub fn request(client: impl Literal<Mac>) -> Self {
        Self { message_type: 3, client: client.value() }
    }

    /// A server answers.
    pub fn reply(client: impl Literal<Mac>) -> Self {
        Self { message_type: 7, client: client.value() }
    }

    fn is_from_server(&self) -> bool {
        matches!(self.message_type, 2 | 7)
    }

    /// The message as UDP carries it, with the client's identifier.
    pub fn bytes(&self) -> Vec<u8> {
        const TRANSACTION: [u8; 3] = [1, 2, 3];
        const CLIENT_IDENTIFIER: u16 = 1;
        const BY_LINK_ADDRESS: u16 = 3;
        const ETHERNET: u16 = 1;
        let fields = [CLIENT_IDENTIFIER, 2 + 2 + 6, BY_LINK_ADDRESS, ETHERNET];
        let mut bytes = vec![self.message_type];
        bytes.extend(TRANSACTION);
        bytes.extend(fields.into_iter().flat_map(u16::to_be_bytes));
        bytes.extend(self.client.0);
        bytes
    }
}

impl Frame {
    /// Sends a DHCP message between the ports of clients and servers; without IP addresses
    /// before, from none to everybody.
    pub fn dhcp(self, message: &Dhcp) -> Self {
        let frame =
            if self.is_ip() { self } else { self.ipv4(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST) };
        let (from, to) = if message.from_server {
            (SERVER_PORT, CLIENT_PORT)
        } else {
            (CLIENT_PORT, SERVER_PORT)
        };
        frame.udp(from, to).payload(message.bytes())
    }

    /// Sends a DHCPv6 message from an address: a client's to all servers, a server's to where
    /// [`Frame::ipv6`] says.
    #[track_caller]
    pub fn dhcpv6(self, source: impl Literal<Ipv6Addr>, message: &Dhcpv6) -> Self {
        let source = source.value();
        if message.is_from_server() {
            return self.udp(SERVER_PORT_V6, CLIENT_PORT_V6).payload(message.bytes());
        }
        self.ipv6(source, "ff02::1:2").udp(CLIENT_PORT_V6, SERVER_PORT_V6).payload(message.bytes())
    }
}
