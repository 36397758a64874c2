//! What userspace is told: see [`camfence_common::event`].
//!
//! Nobody has to listen. What the ring buffer has no room for, or what is more than a second's budget,
//! is counted.

use aya_ebpf::{
    helpers::generated::bpf_skb_load_bytes,
    macros::map,
    maps::{PerCpuArray, RingBuf},
    programs::TcContext,
};
use camfence_common::{
    event::{
        Answer, BUDGET_TIME, BUDGETS, Contact, Header, Kind, MAX_ANSWER, RING_BYTES, Stranger,
        Told, UDP_HEADER,
    },
    flow::FlowKey,
    mac::Mac,
    packet::{Bytes, MAX_OFFSET},
    verifier::{low16, opaque},
};

/// What is told. Written here, read by userspace.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// Budgets and losses. Written here, read by userspace.
#[map]
static TOLD: PerCpuArray<Told> = PerCpuArray::with_max_entries(1, 0);

/// Tells of a flow that the ledger does not know.
#[inline(always)]
pub(crate) fn contact(ifindex: u32, time: u64, key: &FlowKey) {
    let header = Header { kind: Kind::Contact.number(), ifindex, time };
    tell(Kind::Contact, time, |record: *mut Contact| {
        // SAFETY: `tell` gives room for a record.
        unsafe { record.write(Contact { header, key: *key }) };
        true
    });
}

/// Tells of an unknown source that was not seen before.
#[inline(always)]
pub(crate) fn stranger(ifindex: u32, time: u64, mac: Mac) {
    let header = Header { kind: Kind::Stranger.number(), ifindex, time };
    tell(Kind::Stranger, time, |record: *mut Stranger| {
        // SAFETY: `tell` gives room for a record.
        unsafe { record.write(Stranger { header, mac, zero: [0; 2] }) };
        true
    });
}

/// Tells of a DNS message to a camera, whose UDP header is at an offset.
#[inline(always)]
pub(crate) fn answer<B: Bytes>(
    ctx: &TcContext,
    bytes: &B,
    (ifindex, time, mac): (u32, u64, Mac),
    at: usize,
) {
    let at = at & MAX_OFFSET;
    let Some([length]) = bytes.words::<1>(at + 4) else { return };
    let Some(len) = u16::from_be(length).checked_sub(UDP_HEADER) else { return };
    if len == 0 {
        return;
    }
    let header = Header { kind: Kind::Answer.number(), ifindex, time };
    tell(Kind::Answer, time, |record: *mut Answer| {
        // From 1 to the most, in a way that the verifier sees.
        let most = opaque(usize::from(len).min(MAX_ANSWER) - 1);
        let copied = u32::from(low16(most & (MAX_ANSWER - 1))) + 1;
        let from = u32::from(low16(at) + UDP_HEADER);
        // SAFETY: `tell` gives room for a record. It is written whole before the kernel copies
        // no more bytes into its last field than that has.
        unsafe {
            (&raw mut (*record).header).write(header);
            (&raw mut (*record).mac).write(mac);
            (&raw mut (*record).len).write(len);
            let words = (&raw mut (*record).words).cast::<u64>();
            for word in 0..MAX_ANSWER / size_of::<u64>() {
                words.add(word).write_volatile(0);
            }
            bpf_skb_load_bytes(ctx.skb.skb.cast(), from, words.cast(), copied) == 0
        }
    });
}
const _: () = assert!(MAX_ANSWER.is_power_of_two());

/// Tells a record if there is a budget and room for it, and `write` writes it whole.
#[inline(always)]
fn tell<T: 'static>(kind: Kind, now: u64, write: impl FnOnce(*mut T) -> bool) {
    let Some(told) = TOLD.get_ptr_mut(0) else { return };
    // SAFETY: the kernel returned a pointer to this CPU's element, and nothing else on this CPU
    // uses it while the program runs. Others only copy it.
    let told = unsafe { &mut *told };
    let index = kind.index();
    if !spend(told, index, now) {
        told.lost[index] = told.lost[index].wrapping_add(1);
        return;
    }
    let Some(mut record) = EVENTS.reserve::<T>(0) else {
        told.lost[index] = told.lost[index].wrapping_add(1);
        return;
    };
    // What cannot be read of a frame is nothing to tell, and no loss.
    if write(record.as_mut_ptr()) {
        told.told[index] = told.told[index].wrapping_add(1);
        record.submit(0);
    } else {
        record.discard(0);
    }
}

/// Takes one from a kind's budget; false if there is none left.
#[inline(always)]
fn spend(told: &mut Told, index: usize, now: u64) -> bool {
    // The clock of another map's time may be a little behind.
    if now.saturating_sub(told.since) >= BUDGET_TIME {
        told.since = now;
        told.spent = [0; 3];
    }
    if told.spent[index] >= BUDGETS[index] {
        return false;
    }
    told.spent[index] += 1;
    true
}
