//! Cameras of one place among the hints, and a bystander of the same.

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData};
use camfence_common::{abi::HintPlace, mac::Mac as Number};
use camfence_tests::Mac;

use crate::fixture::{
    Attachment, Fence, Home, arrives, calling_home, nothing_arrives, over_every_attachment,
};

over_every_attachment!(
    whoever_shares_a_place_is_judged_by_what_it_is,
    hints_that_lead_past_a_camera_are_mended,
);

/// Bytes of a part.
const PART: usize = 8 + 4 * 1_024;

fn whoever_shares_a_place_is_judged_by_what_it_is(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let macs = of_one_place();
    let [first, second, third, bystander] = macs;
    let check = |cameras: &[Mac]| -> Result<()> {
        macs.iter().try_for_each(|mac| is_judged(&home, *mac, cameras.contains(mac)))
    };
    let add = |mac: Mac, name: &str| fence.verb(&["add", &mac.to_string(), "--name", name]);
    check(&[])?;
    add(first, "first")?;
    check(&[first])?;
    add(second, "second")?;
    check(&[first, second])?;
    // Another map, with hints made for it as a whole.
    fence.verb(&["remove", "driveway"])?;
    check(&[first, second])?;
    add(third, "third")?;
    check(&[first, second, third])?;
    fence.verb(&["remove", "first"])?;
    check(&[second, third])?;
    fence.verb(&["remove", "second"])?;
    check(&[third])?;
    add(first, "first")?;
    check(&[first, third])?;
    fence.verb(&["remove", "third"])?;
    fence.verb(&["remove", "first"])?;
    check(&[])?;
    is_judged(&home, bystander, false)
}

fn hints_that_lead_past_a_camera_are_mended(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let [mac, ..] = of_one_place();
    fence.verb(&["add", &mac.to_string(), "--name", "lost"])?;
    is_judged(&home, mac, true)?;
    let place = HintPlace::of(Number(mac.0));
    let at = 8 + 4 * place.index;
    let mut ahead = ahead(&fence)?;
    let right = ahead.get(&place.part, 0)?;
    // No hint, another's row, and one that only asks: the last is slow and not wrong.
    for (wrong, is_found) in [([0; 4], false), ([0, 0, 0, 1], false), ([9, 0, 0, 2], true)] {
        let mut part = right;
        part[at..at + 4].copy_from_slice(&wrong);
        ahead.set(place.part, part, 0)?;
        is_judged(&home, mac, is_found)?;
        fence.verb(&["reload"])?;
        is_judged(&home, mac, true)?;
        assert_eq!(hint(&ahead.get(&place.part, 0)?, at)[..3], hint(&right, at)[..3]);
        assert_eq!(hint(&ahead.get(&place.part, 0)?, at)[3], 1, "the row alone");
    }
    Ok(())
}

fn hint(part: &[u8; PART], at: usize) -> [u8; 4] {
    [0, 1, 2, 3].map(|byte| part[at + byte])
}

fn ahead(fence: &Fence<'_>) -> Result<Array<MapData, [u8; PART]>> {
    let pin = fence.bpffs.path().join("current/maps/AHEAD");
    Array::try_from(Map::from_map_data(MapData::from_pin(pin)?)?).context("the hints")
}

/// A camera's frame to the vendor is dropped, and anybody else's arrives.
fn is_judged(home: &Home, mac: Mac, as_camera: bool) -> Result<()> {
    let (port, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let frame = calling_home(mac).build();
    port.send(&frame)?;
    if as_camera { nothing_arrives(&gw) } else { arrives(&gw, &[frame]) }
}

/// MACs of one place: the first such that a vendor's range has.
fn of_one_place() -> [Mac; 4] {
    let mac = |n: u32| {
        let [a, b, c, d] = n.to_be_bytes();
        Mac([0x74, 0xda, a, b, c, d])
    };
    let place = |mac: &Mac| HintPlace::of(Number(mac.0));
    let first = mac(0);
    let others = (1..).map(mac).filter(|mac| place(mac) == place(&first));
    let mut all = std::iter::once(first).chain(others);
    std::array::from_fn(|_| all.next().expect("there are always more"))
}
