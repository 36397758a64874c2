//! Cameras: who they are, which profile is theirs, and whether it is carried out.

use std::collections::HashMap;

use camfence_common::{abi::CANARY, mac::Mac};

use super::{Check, Places};
use crate::config::{
    Camera, Fence, Mode, Problem,
    error::quoted,
    raw::{RawCamera, Table, Text},
};

/// Longest name of a camera or a profile.
pub const NAME_MAX_BYTES: usize = 64;

/// Reads a MAC that one device can have: not a group's, not the broadcast one, not zero, not the
/// canary's.
pub fn check_mac(text: &str) -> Result<Mac, Problem> {
    let Ok(mac) = text.parse::<Mac>() else {
        let what = format!("{} is not a MAC address", quoted(text));
        return Err(Problem::new(what, "write six two-digit groups, like b0:c5:54:25:5b:0e"));
    };
    let why = if mac.is_broadcast() {
        "is the broadcast address, which means every device"
    } else if mac.is_multicast() {
        "is a multicast address, which means a group of devices"
    } else if mac.is_zero() {
        "is all zeros, which no device has"
    } else if mac == CANARY {
        "is kept for camfence's own test of the fence"
    } else {
        return Ok(mac);
    };
    let hint = "copy the address from the camera's label or the router's list of devices";
    Err(Problem::new(format!("{mac} {why}"), hint))
}

/// Whether this can be a camera's name.
pub fn check_name(name: &str) -> Result<(), Problem> {
    if name.parse::<Mac>().is_ok() {
        let what = format!("the name {} reads as a MAC address", quoted(name));
        let hint = "choose a name that cannot be taken for an address, like driveway";
        return Err(Problem::new(what, hint));
    }
    check_label(name, "camera")
}

/// What the names of cameras and profiles have in common.
pub(super) fn check_label(name: &str, whose: &str) -> Result<(), Problem> {
    if name.is_empty() {
        let what = format!("the {whose}'s name is empty");
        return Err(Problem::new(what, "give it a name, like driveway"));
    }
    if name.len() > NAME_MAX_BYTES {
        let what = format!("the name {} is too long, {} bytes", quoted(name), name.len());
        return Err(Problem::new(what, format!("keep to {NAME_MAX_BYTES} bytes")));
    }
    if name.chars().any(char::is_control) {
        let what = format!("the name {} has control characters in it", quoted(name));
        return Err(Problem::new(what, "use letters, digits, spaces and punctuation"));
    }
    Ok(())
}

/// What is known so far of the cameras above: where each MAC and name stands.
#[derive(Default)]
struct Seen<'t> {
    macs: HashMap<Mac, usize>,
    names: HashMap<&'t str, usize>,
}

impl Check<'_> {
    /// Reads the cameras and looks up their profiles.
    pub(super) fn cameras(
        &mut self,
        raw: &[Table<RawCamera>],
        places: &Places<'_>,
        fence: &Fence,
    ) -> Vec<Camera> {
        self.camera_count(raw, fence.max_cameras);
        let mut seen = Seen::default();
        let mut cameras = Vec::with_capacity(raw.len());
        for Table(camera) in raw {
            let mac = self.mac(&camera.mac, &mut seen);
            let name = self.name(&camera.name, &mut seen);
            let profile = match &camera.profile {
                Some(name) => self.place(name, places),
                None => Some(0),
            };
            let addresses = self.addresses(camera.addresses.as_ref());
            let mode = self.camera_mode(camera.mode.as_ref(), fence.mode);
            if let (Some(mac), Some(name), Some(profile)) = (mac, name, profile) {
                cameras.push(Camera { mac, name, profile, addresses, mode });
            }
        }
        cameras
    }

    fn camera_count(&mut self, raw: &[Table<RawCamera>], max_cameras: u32) {
        let Some(Table(beyond)) = raw.get(max_cameras as usize) else { return };
        let what = format!("{} cameras are more than max_cameras = {max_cameras}", raw.len());
        let hint = format!("write max_cameras = {} or more under [fence]", raw.len());
        self.report(beyond.mac.span(), Problem::new(what, hint));
    }

    /// A fence that only counts has no camera whose frames it drops.
    fn camera_mode(&mut self, written: Option<&Text>, fence: Mode) -> Mode {
        match (self.mode(written), fence) {
            (Mode::Enforce, Mode::Enforce) => Mode::Enforce,
            (Mode::Audit, _) | (_, Mode::Audit) => Mode::Audit,
        }
    }

    fn mac<'t>(&mut self, written: &'t Text, seen: &mut Seen<'t>) -> Option<Mac> {
        match check_mac(written.as_ref()) {
            Ok(mac) => {
                self.unique(&mut seen.macs, mac, written, |_, first| {
                    let what = format!("camera {mac} is already on line {first}");
                    Problem::new(what, "remove one of the two")
                });
                Some(mac)
            }
            Err(problem) => {
                self.report(written.span(), problem);
                None
            }
        }
    }

    fn name<'t>(&mut self, written: &'t Text, seen: &mut Seen<'t>) -> Option<String> {
        match check_name(written.as_ref()) {
            Ok(()) => {
                let name = written.as_ref().as_str();
                self.unique(&mut seen.names, name, written, |name, first| {
                    let what = format!("the name {} is already used on line {first}", quoted(name));
                    Problem::new(what, "give each camera a name of its own")
                });
                Some(name.to_owned())
            }
            Err(problem) => {
                self.report(written.span(), problem);
                None
            }
        }
    }
}
