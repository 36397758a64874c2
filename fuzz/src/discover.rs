//! What devices say of themselves, from a frame to the configuration that is made of it.

use std::path::Path;

use camfence::{
    config::Config,
    discover::{
        Discovery, Site,
        heard::{Heard, Surroundings},
        report::Material,
        sources,
    },
    init::text,
};

/// Reads a frame as one that a port received; makes a report and a configuration of it.
///
/// # Panics
/// When one of them does, when something that no terminal should see comes through, or when what is
/// written is no configuration.
pub fn discover(frame: &[u8]) {
    let Some(told) = sources::read(frame) else { return };
    let mut heard = Heard::new(Surroundings::default());
    heard.hear(1, told.mac, told.facts, frame.len() as u64);
    let site = Site::default();
    let vendors = Path::new("/nonexistent");
    let material = Material { heard: &heard, site: &site, config: None, ledger: None, vendors };
    let discovery = Discovery::new(&material);
    for found in &discovery.sources {
        let names = found.hostnames.iter().chain(&found.services).chain(&found.software);
        let vendor = found.onvif.iter().flat_map(|onvif| [&onvif.name, &onvif.hardware]).flatten();
        for name in names.chain(vendor) {
            assert!(!name.is_empty() && !name.as_str().contains(char::is_control), "{name:?}");
        }
    }
    let path = Path::new("fuzz.toml");
    let written = text::configuration(path, &site, &[], &discovery);
    let written = written.expect("what is written is a configuration");
    let config = Config::parse(path, &written).expect("it was read once already");
    let cameras = discovery.candidates().count();
    assert_eq!(config.cameras.len(), cameras, "{written}");
}
