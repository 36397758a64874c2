//! More flows than there is room for.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use camfence::kernel::runner::Program::OutboundXdp;
use camfence_common::abi::Tally;

use crate::{Books, to};

const FLOOD: u32 = 100_000;

#[test]
fn what_a_flood_pushes_out_is_told_to_the_byte() -> Result<()> {
    let mut books = Books::new(1_024)?;
    let frame = to("0.0.0.0").build();
    // Some come again, early and late.
    let addresses = (0..FLOOD).flat_map(|number| {
        [number, number / 10 * 7].into_iter().take(1 + usize::from(number % 4 == 0))
    });
    let mut sent = Tally::default();
    let mut frame_to = frame.clone();
    for number in addresses {
        // Where the destination is; test runs check no checksum.
        frame_to[30..34].copy_from_slice(&Ipv4Addr::from(0x0800_0000 + number * 31).octets());
        books.run(OutboundXdp, &frame_to)?;
        sent.add(Tally { packets: 1, bytes: frame_to.len() as u64 });
    }
    let contents = books.kernel.ledger()?;
    let mut present = Tally::default();
    for (key, flow) in &contents.flows {
        let expected = books.expected.get(key).copied().unwrap_or_default();
        ensure!(flow.tally.packets <= expected.packets, "{key:?}: {flow:?}, not {expected:?}");
        present.add(flow.tally);
    }
    let missing = contents.missing;
    println!("{} flows of {}, {missing:?}", contents.flows.len(), books.expected.len());
    ensure!(missing.entries > u64::from(FLOOD) / 2 && contents.flows.len() > 512, "{missing:?}");
    ensure!(missing.lost == Tally::default(), "{missing:?}");
    present.add(missing.evicted);
    assert_eq!(present, sent);
    Ok(())
}

/// Each flow comes once, so that entries can be counted, too.
#[test]
fn what_a_flood_pushes_out_is_told_to_the_entry() -> Result<()> {
    let mut books = Books::new(1_024)?;
    let mut frame = to("0.0.0.0").build();
    for number in 0..FLOOD {
        frame[30..34].copy_from_slice(&Ipv4Addr::from(0x0800_0000 + number).octets());
        books.run(OutboundXdp, &frame)?;
    }
    let contents = books.kernel.ledger()?;
    let present = contents.flows.len() as u64;
    assert_eq!(present + contents.missing.entries, u64::from(FLOOD));
    assert_eq!(present + contents.missing.evicted.packets, u64::from(FLOOD));
    let bytes = u64::from(FLOOD) * frame.len() as u64;
    assert_eq!(present * frame.len() as u64 + contents.missing.evicted.bytes, bytes);
    Ok(())
}
