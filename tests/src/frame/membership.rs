//! Who listens to which group: IGMP and MLD.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::checksum::Sum16BitWords;
use etherparse::{Icmpv6Type, IpNumber};

use super::transport::Transport;
use super::{Extension, Frame, IpOption};
use crate::addr::Literal;

const MLD1_REPORT: u8 = 131;
const MLD2_REPORT: u8 = 143;

impl Frame {
    /// Joins an IPv6 group (MLDv2 report).
    pub fn mld_report(self, source: impl Literal<Ipv6Addr>, group: impl Literal<Ipv6Addr>) -> Self {
        const CHANGE_TO_EXCLUDE: [u8; 4] = [4, 0, 0, 0];
        const ONE_RECORD: [u8; 4] = [0, 0, 0, 1];
        let mut frame =
            self.ipv6(source.value(), "ff02::16").extension(Extension::RouterAlert).ttl(1);
        frame.transport = Transport::Icmpv6(Icmpv6Type::Unknown {
            type_u8: MLD2_REPORT,
            code_u8: 0,
            bytes5to8: ONE_RECORD,
        });
        frame.payload([CHANGE_TO_EXCLUDE.as_slice(), &group.value().octets()].concat())
    }

    /// Joins an IPv4 group (IGMPv2 report).
    pub fn igmp_report(
        self,
        source: impl Literal<Ipv4Addr>,
        group: impl Literal<Ipv4Addr>,
    ) -> Self {
        const V2_REPORT: [u8; 2] = [0x16, 0];
        let group = group.value();
        self.igmp(source.value(), group, V2_REPORT, &group.octets())
    }

    /// Joins an IPv4 group (`IGMPv3` report).
    pub fn igmp3_report(
        self,
        source: impl Literal<Ipv4Addr>,
        group: impl Literal<Ipv4Addr>,
    ) -> Self {
        const V3_REPORT: [u8; 2] = [0x22, 0];
        const ONE_RECORD: [u8; 4] = [0, 0, 0, 1];
        const CHANGE_TO_EXCLUDE: [u8; 4] = [4, 0, 0, 0];
        let record = [ONE_RECORD, CHANGE_TO_EXCLUDE, group.value().octets()].concat();
        self.igmp(source.value(), "224.0.0.22", V3_REPORT, &record)
    }

    /// Leaves an IPv4 group (`IGMPv2`).
    pub fn igmp_leave(self, source: impl Literal<Ipv4Addr>, group: impl Literal<Ipv4Addr>) -> Self {
        const LEAVE: [u8; 2] = [0x17, 0];
        self.igmp(source.value(), "224.0.0.2", LEAVE, &group.value().octets())
    }

    /// Joins an IPv6 group (`MLDv1` report).
    pub fn mld1_report(
        self,
        source: impl Literal<Ipv6Addr>,
        group: impl Literal<Ipv6Addr>,
    ) -> Self {
        let group = group.value();
        let mut frame = self.ipv6(source.value(), group).extension(Extension::RouterAlert).ttl(1);
        frame.transport = Transport::Icmpv6(Icmpv6Type::Unknown {
            type_u8: MLD1_REPORT,
            code_u8: 0,
            bytes5to8: [0; 4],
        });
        frame.payload(group.octets())
    }

    /// An IGMP message of a type, whose checksum comes between its first two bytes and the rest.
    fn igmp(
        self,
        source: Ipv4Addr,
        destination: impl Literal<Ipv4Addr>,
        head: [u8; 2],
        rest: &[u8],
    ) -> Self {
        let sum = Sum16BitWords::new().add_2bytes(head).add_slice(rest);
        let checksum = sum.ones_complement().to_be().to_be_bytes();
        self.ipv4(source, destination.value())
            .option(&IpOption::RouterAlert)
            .ttl(1)
            .protocol(IpNumber::IGMP.0)
            .payload([head.as_slice(), &checksum, rest].concat())
    }
}
