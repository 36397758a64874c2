//! Lines of "Name: value", as in HTTP, SSDP and RTSP.

/// Lines of one message that are looked at.
const MOST_LINES: usize = 64;

/// The value of a field, by its name in any case.
pub(super) fn field<'a>(message: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let lines = message.split(|&byte| byte == b'\n').skip(1).take(MOST_LINES);
    let lines = lines.take_while(|line| !line.trim_ascii().is_empty());
    let mut parts = lines.filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((line[..colon].trim_ascii(), &line[colon + 1..]))
    });
    parts.find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
}
