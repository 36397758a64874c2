//! The XDP program for frames in several buffers, which is there from when a port first wants it: to verify
//! it takes as long as the one for frames in one, and hardly any fence has such a port.

use camfence_common::abi::names::OUTBOUND_XDP_FRAGS;

use super::{
    error::Result,
    links::pinned_ids,
    maps::Maps,
    object::{Object, Options},
    root::{Generation, Root, remove_file},
};

/// Loads it with the others of an object that are to take the place of a fence's, if that has it.
pub(crate) fn complete(object: &mut Object, root: &Root) -> Result<()> {
    // Where it is attached, its own pin may be lost.
    if is_linked(root)? || !pinned_ids(root, OUTBOUND_XDP_FRAGS)?.is_empty() {
        object.load_frags()?;
    }
    Ok(())
}

/// Loads it and pins it in a generation, unless it is there. False if this kernel has no such programs
/// (before 5.18). Only with the lock held.
pub(super) fn bring_in(root: &Root, generation: &Generation) -> Result<bool> {
    let pin = generation.program(OUTBOUND_XDP_FRAGS);
    if pin.exists() {
        return Ok(true);
    }
    let maps = Maps::open_generation(root, generation)?;
    let mut object = Object::make(&Options::new(maps.room()?, Some(generation)))?;
    let is_loaded = object.load_frags()?;
    if is_loaded {
        object.pin(OUTBOUND_XDP_FRAGS, &pin)?;
    }
    Ok(is_loaded)
}

/// Takes it out of a generation again if no port has it: its driver refused this one too, or what was
/// attached was taken back. Only with the lock held.
pub(super) fn take_out(root: &Root, generation: &Generation) -> Result<()> {
    if is_linked(root)? {
        return Ok(());
    }
    remove_file(&generation.program(OUTBOUND_XDP_FRAGS))
}

fn is_linked(root: &Root) -> Result<bool> {
    let linked = root.linked()?;
    Ok(linked.into_iter().any(|ifindex| root.link(ifindex, OUTBOUND_XDP_FRAGS).exists()))
}
