//! Where what is dropped is written, and how.

use std::path::Path;

use super::Check;
use crate::config::{
    DEFAULT_LOG_BYTES, DenyLog, Format, MAX_LOG_BYTES, MIN_LOG_BYTES, Problem, Sink,
    error::quoted,
    raw::{RawLog, Text},
};

impl Check<'_> {
    /// Reads `[log]`.
    pub(super) fn log(&mut self, raw: &RawLog) -> Option<DenyLog> {
        let deny = self.sink(&raw.deny);
        let format = raw.format.as_ref().map_or(Some(Format::default()), |written| {
            let known = Format::ALL.map(|format| (format.as_str(), format));
            self.choice(written, &known, "formats", |word| format!("there is no format {word}"))
        });
        let size = raw.max_size.as_ref().map_or(Some(DEFAULT_LOG_BYTES), |it| self.log_size(it));
        Some(DenyLog { deny: deny?, format: format?, max_size: size? })
    }

    fn sink(&mut self, written: &Text) -> Option<Sink> {
        match written.as_ref().as_str() {
            "stdout" => Some(Sink::Stdout),
            "journal" => Some(Sink::Journal),
            path if Path::new(path).is_absolute() && !path.ends_with('/') => {
                Some(Sink::File(path.into()))
            }
            other => {
                let what = format!("{} is nothing to write to", quoted(other));
                let hint = "write \"stdout\", \"journal\" or a file's whole path, \
                            like \"/var/log/camfence/deny.log\"";
                self.report(written.span(), Problem::new(what, hint));
                None
            }
        }
    }

    fn log_size(&mut self, written: &Text) -> Option<u64> {
        let range = MIN_LOG_BYTES..=MAX_LOG_BYTES;
        let size = read_size(written.as_ref()).filter(|size| range.contains(size));
        if size.is_none() {
            let what = format!("{} is no size that a log can have", quoted(written.as_ref()));
            let hint = "write one from 64KiB to 16GiB, like 16MiB";
            self.report(written.span(), Problem::new(what, hint));
        }
        size
    }
}

/// A whole number of bytes, such as `65536` or `16MiB`.
fn read_size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u32); 3] = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let number = number.trim_end();
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{fails, parse},
        *,
    };

    fn log(lines: &str) -> Option<DenyLog> {
        parse(&format!("[log]\n{lines}")).unwrap().log
    }

    #[test]
    fn a_log_goes_where_it_is_told() {
        let plain =
            |deny| Some(DenyLog { deny, format: Format::Logfmt, max_size: DEFAULT_LOG_BYTES });
        assert_eq!(log("deny = \"stdout\""), plain(Sink::Stdout));
        assert_eq!(log("deny = \"journal\""), plain(Sink::Journal));
        let file = Sink::File("/var/log/camfence/deny.log".into());
        assert_eq!(log("deny = \"/var/log/camfence/deny.log\""), plain(file.clone()));
        let json = "deny = \"/var/log/camfence/deny.log\"\nformat = \"json\"\nmax_size = \"1GiB\"";
        let expected = DenyLog { deny: file, format: Format::Json, max_size: 1 << 30 };
        assert_eq!(log(json), Some(expected));
        assert_eq!(parse("").unwrap().log, None);
    }

    #[test]
    fn other_values_are_refused() {
        for wrong in ["deny.log", "", "syslog", "/var/log/"] {
            let what = format!("{wrong:?} is nothing to write to");
            fails(&format!("[log]\ndeny = {wrong:?}"), 2, &what, "\"stdout\", \"journal\" or");
        }
        let text = "[log]\ndeny = \"stdout\"\nformat = \"logfnt\"";
        fails(text, 3, "there is no format \"logfnt\"", "did you mean \"logfmt\"?");
        for wrong in
            ["", "16", "63KiB", "17GiB", "-1", "1.5MiB", "16 MB", "99999999999999999999KiB"]
        {
            let text = format!("[log]\ndeny = \"stdout\"\nmax_size = {wrong:?}");
            let what = format!("{} is no size that a log can have", quoted(wrong));
            fails(&text, 3, &what, "like 16MiB");
        }
    }

    #[test]
    fn sizes_are_whole_numbers_with_a_unit() {
        for (text, size) in
            [("65536", 65_536), ("64KiB", 65_536), ("16MiB", 16 << 20), ("2 GiB", 2 << 30)]
        {
            assert_eq!(read_size(text), Some(size), "{text}");
        }
    }
}
