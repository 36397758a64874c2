//! Whether a source looks like a camera, and why.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{fact::Peer, heard::Source};
use crate::printable::Printable;

/// How much a source looks like a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Nothing speaks for it.
    No,
    /// Its maker makes cameras and much else, say.
    Maybe,
    /// One thing that hardly anything else has.
    Likely,
    /// It says so itself, or several things do.
    Camera,
}

impl Likeness {
    /// What it is called, in JSON as well.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Likely => "likely",
            Self::Camera => "camera",
        }
    }

    /// By the sum of what speaks for it.
    const fn of(score: u32) -> Self {
        match score {
            0..20 => Self::No,
            20..60 => Self::Maybe,
            60..100 => Self::Likely,
            _ => Self::Camera,
        }
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Likeness {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something that speaks for a camera.
#[derive(Debug, Clone, Copy)]
pub struct Sign {
    /// What it is called, in JSON as well.
    pub name: &'static str,
    /// How much it counts: 100 is a camera.
    pub score: u32,
    /// What it is.
    pub about: &'static str,
    found: fn(&Evidence<'_>) -> bool,
}

/// What there is to judge by.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What was heard of it.
    pub source: &'a Source,
    /// Its maker.
    pub vendor: Option<&'a Printable>,
    /// Whom it talks to, as the ledger has it.
    pub ledger: &'a [Peer],
}

/// Everything that speaks for a camera.
pub const SIGNS: [Sign; 7] = [
    Sign {
        name: "ONVIF",
        score: 100,
        about: "it said by WS-Discovery that it is an ONVIF video transmitter, or offers `_onvif._tcp`",
        found: |seen| seen.source.onvif.is_some() || seen.offers(&["_onvif._tcp"]),
    },
    Sign {
        name: "RTSP",
        score: 60,
        about: "it answered as an RTSP server, or offers `_rtsp._tcp` or `_axis-video._tcp`",
        found: |seen| seen.source.rtsp || seen.offers(&["_rtsp._tcp", "_axis-video._tcp"]),
    },
    Sign {
        name: "vendor",
        score: 60,
        about: "its MAC is of a maker of cameras and little else",
        found: |seen| seen.is_by(Makes::Cameras),
    },
    Sign {
        name: "mixed vendor",
        score: 20,
        about: "its MAC is of a maker of cameras among other things",
        found: |seen| seen.is_by(Makes::CamerasToo),
    },
    Sign {
        name: "software",
        score: 60,
        about: "a vendor class of DHCP, or a name of server software, that speaks of cameras",
        found: |seen| seen.source.software.iter().any(speaks_of_cameras),
    },
    Sign {
        name: "hostname",
        score: 40,
        about: "it calls itself something with `cam`, `doorbell`, `nvr` or the like in it",
        found: |seen| seen.source.hostnames.iter().any(speaks_of_cameras),
    },
    Sign {
        name: "cloud port",
        score: 40,
        about: "it talks by UDP to a port that cameras' clouds use: 10240, 32100 or 32108",
        found: |seen| {
            seen.peers().any(|peer| peer.protocol == UDP && CLOUD_PORTS.contains(&peer.port))
        },
    },
];

const UDP: u8 = 17;
/// 10240: the field reports and the captures of D-Link and Edimax cameras in `tests/captures`. 32100 and
/// 32108: peer-to-peer of iLnkP2P and CS2 (Marrapese, "Abusing P2P to Hack 3 Million Cameras", 2020).
const CLOUD_PORTS: [u16; 3] = [10_240, 32_100, 32_108];

/// Parts of words that hostnames, vendor classes and servers of cameras have.
const WORDS: [&str; 14] = [
    "ipcam",
    "ip-cam",
    "ip_cam",
    "camera",
    "webcam",
    "netcam",
    "wyzecam",
    "doorbell",
    "onvif",
    "hikvision",
    "dahua",
    "reolink",
    "amcrest",
    "foscam",
];
/// Whole words of the same: `cam1`, `cam-garage`, `ipc`.
const WHOLE_WORDS: [&str; 7] = ["cam", "ipc", "nvr", "dvr", "axis", "vto", "ptz"];

fn speaks_of_cameras(text: &Printable) -> bool {
    let text = text.as_str().to_lowercase();
    let mut words = text.split(|c: char| !c.is_alphabetic());
    WORDS.iter().any(|word| text.contains(word)) || words.any(|word| WHOLE_WORDS.contains(&word))
}

/// What a vendor makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Makes {
    /// Cameras, and what belongs to them.
    Cameras,
    /// Cameras among other things.
    CamerasToo,
}

/// Makers of cameras: how their names in the IEEE's list begin, in lower case, and what their own
/// sites sell.
pub const VENDORS: [(&str, Makes, &str); 32] = [
    ("hangzhou hikvision", Makes::Cameras, "hikvision.com"),
    ("prama hikvision", Makes::Cameras, "pramaindia.in"),
    ("zhejiang dahua", Makes::Cameras, "dahuasecurity.com"),
    ("axis communications", Makes::Cameras, "axis.com"),
    ("reolink", Makes::Cameras, "reolink.com"),
    ("hangzhou ezviz", Makes::Cameras, "ezviz.com"),
    ("zhejiang uniview", Makes::Cameras, "uniview.com"),
    ("hanwha techwin", Makes::Cameras, "hanwhavision.com"),
    ("hanwha vision", Makes::Cameras, "hanwhavision.com"),
    ("vivotek", Makes::Cameras, "vivotek.com"),
    ("mobotix", Makes::Cameras, "mobotix.com"),
    ("amcrest", Makes::Cameras, "amcrest.com"),
    ("lorex", Makes::Cameras, "lorex.com"),
    ("swann communications", Makes::Cameras, "swann.com"),
    ("tiandy", Makes::Cameras, "tiandy.com"),
    ("arlo", Makes::Cameras, "arlo.com"),
    ("geovision", Makes::Cameras, "geovision.com.tw"),
    ("acti corporation", Makes::Cameras, "acti.com"),
    ("arecont vision", Makes::Cameras, "arecontvision.com"),
    ("flir systems", Makes::CamerasToo, "flir.com"),
    ("wyze labs", Makes::CamerasToo, "wyze.com"),
    ("ring llc", Makes::CamerasToo, "ring.com"),
    ("bosch security systems", Makes::CamerasToo, "boschsecurity.com"),
    ("d-link", Makes::CamerasToo, "dlink.com"),
    ("edimax", Makes::CamerasToo, "edimax.com"),
    ("sercomm", Makes::CamerasToo, "sercomm.com"),
    ("shenzhen bilian", Makes::CamerasToo, "lb-link.com"),
    ("tp-link", Makes::CamerasToo, "tp-link.com"),
    ("tuya smart", Makes::CamerasToo, "tuya.com"),
    ("ubiquiti", Makes::CamerasToo, "ui.com"),
    ("nest labs", Makes::CamerasToo, "store.google.com"),
    ("trendnet", Makes::CamerasToo, "trendnet.com"),
];

impl Evidence<'_> {
    /// How much it looks like a camera, and what speaks for it.
    pub fn judge(&self) -> (Likeness, Vec<&'static str>) {
        let signs = SIGNS.iter().filter(|sign| (sign.found)(self));
        let (scores, names): (Vec<u32>, Vec<_>) = signs.map(|sign| (sign.score, sign.name)).unzip();
        (Likeness::of(scores.iter().sum()), names)
    }

    fn offers(&self, services: &[&str]) -> bool {
        self.source.services.iter().any(|service| services.contains(&service.as_str()))
    }

    fn is_by(&self, makes: Makes) -> bool {
        let name = self.vendor.map(|vendor| vendor.as_str().to_lowercase());
        let is_it = |(pattern, of, _): &(&str, Makes, &str)| {
            *of == makes && name.as_ref().is_some_and(|name| name.starts_with(pattern))
        };
        VENDORS.iter().any(is_it)
    }

    fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.source.peers.keys().chain(self.ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::fact::{Fact, Onvif, text};

    fn judged(facts: Vec<Fact>, vendor: &str) -> (Likeness, Vec<&'static str>) {
        let mut source = Source::default();
        source.take_all(facts, &[], 60);
        let vendor = text(vendor.as_bytes());
        Evidence { source: &source, vendor: vendor.as_ref(), ledger: &[] }.judge()
    }

    fn said(words: &str) -> Printable {
        Printable::from(words)
    }

    #[test]
    fn what_says_so_itself_is_a_camera() {
        let onvif = vec![Fact::Onvif(Onvif::default())];
        assert_eq!(judged(onvif, ""), (Likeness::Camera, vec!["ONVIF"]));
        let onvif = vec![Fact::Service(said("_onvif._tcp"))];
        assert_eq!(judged(onvif, "").0, Likeness::Camera);
    }

    #[test]
    fn one_sign_is_likely_and_two_are_a_camera() {
        let hikvision = "Hangzhou Hikvision Digital Technology Co.,Ltd.";
        assert_eq!(judged(vec![Fact::Rtsp], ""), (Likeness::Likely, vec!["RTSP"]));
        assert_eq!(judged(vec![], hikvision), (Likeness::Likely, vec!["vendor"]));
        let both = judged(vec![Fact::Rtsp], hikvision);
        assert_eq!(both, (Likeness::Camera, vec!["RTSP", "vendor"]));
        let name = vec![Fact::Hostname(said("IPCAM-D4"))];
        assert_eq!(judged(name, hikvision), (Likeness::Camera, vec!["vendor", "hostname"]));
        let class = vec![Fact::Software(said("dahua device"))];
        assert_eq!(judged(class, "").0, Likeness::Likely);
    }

    #[test]
    fn a_maker_of_many_things_is_a_maybe() {
        assert_eq!(judged(vec![], "D-Link International"), (Likeness::Maybe, vec!["mixed vendor"]));
        assert_eq!(judged(vec![], "Apple, Inc."), (Likeness::No, vec![]));
        let cloud = Peer { address: [203, 0, 113, 7].into(), protocol: UDP, port: 10_240 };
        let calling = judged(vec![Fact::Peer(cloud)], "D-Link International");
        assert_eq!(calling, (Likeness::Likely, vec!["mixed vendor", "cloud port"]));
        let tcp = Peer { protocol: 6, ..cloud };
        assert_eq!(judged(vec![Fact::Peer(tcp)], "").0, Likeness::No);
    }

    #[test]
    fn the_ledger_counts_as_well() {
        let cloud = Peer { address: [203, 0, 113, 7].into(), protocol: UDP, port: 32_100 };
        let source = Source::default();
        let evidence = Evidence { source: &source, vendor: None, ledger: &[cloud] };
        assert_eq!(evidence.judge(), (Likeness::Maybe, vec!["cloud port"]));
    }

    #[test]
    fn words_are_told_from_parts_of_others() {
        for (name, expected) in [
            ("cam1", true),
            ("garage-cam", true),
            ("IPC-HFW2431", true),
            ("Doorbell.local", true),
            ("campus", false),
            ("scampi", false),
            ("ipcop", false),
            ("printer", false),
            ("", false),
        ] {
            assert_eq!(speaks_of_cameras(&said(name)), expected, "{name}");
        }
    }

    #[test]
    fn patterns_are_in_lower_case_and_found() {
        for (pattern, ..) in VENDORS {
            assert_eq!(pattern, pattern.to_lowercase());
        }
        for word in WORDS.iter().chain(&WHOLE_WORDS) {
            assert!(speaks_of_cameras(&said(word)), "{word}");
        }
    }
}
