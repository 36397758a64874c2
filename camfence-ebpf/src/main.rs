//! camfence's kernel programs.
//!
//! Each entry below wraps a frame for the verdict core, [`camfence_common::verdict`], has the
//! verdict recorded and turns its effect into the hook's own action. A bystander's frame
//! passes before anything else is looked at.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(clippy::needless_pass_by_value, reason = "the entry macros want the context so")]

mod capture;
mod clock;
mod ledger;
mod maps;
mod object;
mod pointer;
mod record;
mod tc_packet;
mod tell;
mod xdp_packet;

use aya_ebpf::{
    bindings::{TC_ACT_SHOT, TC_ACT_UNSPEC, xdp_action},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use camfence_common::{
    event,
    reason::{Direction, Effect},
    verdict::{find, judge},
    wire::ethernet,
};
use network_types::eth::EthHdr;

use crate::{
    maps::Maps,
    record::{Case, record},
    tc_packet::TcPacket,
    xdp_packet::{Buffers, XdpPacket},
};

/// Bytes of an Ethernet header.
const ETHERNET_HEADER: u32 = 14;
const _: () = assert!(ETHERNET_HEADER as usize == EthHdr::LEN);

/// XDP, outbound, for frames in one buffer.
#[xdp]
fn outbound_xdp(ctx: XdpContext) -> u32 {
    xdp_action(on_xdp(&ctx, Buffers::One))
}

/// XDP, outbound, for frames in several buffers (kernel 5.18).
#[xdp(frags)]
fn outbound_xdp_frags(ctx: XdpContext) -> u32 {
    xdp_action(on_xdp(&ctx, Buffers::Several))
}

/// TC, outbound: ingress of a port.
#[classifier]
fn outbound_tc(ctx: TcContext) -> i32 {
    tc_action(on_tc(&ctx, Direction::Outbound))
}

/// TC, inbound: egress of a port.
#[classifier]
fn inbound_tc(ctx: TcContext) -> i32 {
    tc_action(on_tc(&ctx, Direction::Inbound))
}

/// What an effect is called in XDP.
#[inline(always)]
const fn xdp_action(effect: Effect) -> u32 {
    match effect {
        Effect::Pass => xdp_action::XDP_PASS,
        Effect::Drop => xdp_action::XDP_DROP,
    }
}

/// What an effect is called in TC. Passing leaves the frame to the next program or filter of the
/// hook (`TCX_NEXT`, the same number as `TC_ACT_UNSPEC`).
#[inline(always)]
const fn tc_action(effect: Effect) -> i32 {
    match effect {
        Effect::Pass => TC_ACT_UNSPEC,
        Effect::Drop => TC_ACT_SHOT,
    }
}

#[inline(always)]
fn on_xdp(ctx: &XdpContext, buffers: Buffers) -> Effect {
    const DIRECTION: Direction = Direction::Outbound;
    let linear = xdp_packet::linear(ctx);
    let port = || xdp_packet::port(ctx);
    let Some(camera) = find(DIRECTION, &linear, &Maps, port) else { return Effect::Pass };
    let packet = XdpPacket::new(ctx, linear, buffers, camera.unknown());
    let verdict = judge(DIRECTION, &packet, &Maps, camera);
    let case = Case { direction: DIRECTION, camera, verdict, tally: packet.tally() };
    record(ctx, &linear, port, &case)
}

#[inline(always)]
fn on_tc(ctx: &TcContext, direction: Direction) -> Effect {
    // Whose frame it is cannot be told otherwise.
    if direction == Direction::Outbound && !tc_packet::restore_header(ctx) {
        return Effect::Drop;
    }
    let linear = tc_packet::linear(ctx, ETHERNET_HEADER);
    let port = || tc_packet::port(ctx);
    let Some(camera) = find(direction, &linear, &Maps, port) else { return Effect::Pass };
    let packet = TcPacket::new(ctx, camera.unknown());
    let verdict = judge(direction, &packet, &Maps, camera);
    let tally = packet.tally(verdict.payload());
    let effect = record(ctx, &packet, port, &Case { direction, camera, verdict, tally });
    if effect == Effect::Pass
        && let Some(at) = event::answer_at(direction, verdict)
        && let Some(mac) = ethernet::camera_mac(&packet, direction)
    {
        tell::answer(ctx, &packet, (port(), clock::now(), mac), at);
    }
    effect
}
