//! Text that a camera has influence on, made fit to be shown.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Longest text, in characters. A DNS name has at most 253.
pub const MAX_CHARS: usize = 256;

/// Text without anything that a terminal, a log or a reader would take for something else: control
/// characters, ANSI escapes, line ends, marks that turn the direction of writing, invisible and
/// combining characters, and bytes that are no UTF-8 are written out (`\u{202e}`, `\xff`). It is one
/// line and not long.
///
/// A backslash is left alone, so that what was made fit stays as it is if it is made so again. In HTML
/// it is still to be escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Printable(String);

impl Printable {
    /// Of bytes that should be UTF-8.
    pub fn new(bytes: &[u8]) -> Self {
        let mut text = Text::default();
        for chunk in bytes.utf8_chunks() {
            let whole = chunk.valid().chars().all(|c| text.push(&written_out(c)))
                && chunk.invalid().iter().all(|byte| text.push(&format!("\\x{byte:02x}")));
            if !whole {
                break;
            }
        }
        Self(text.written)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Text that grows up to its limit.
#[derive(Default)]
struct Text {
    written: String,
    chars: usize,
}

impl Text {
    /// False if there is no room, which is marked.
    fn push(&mut self, piece: &str) -> bool {
        self.chars += piece.chars().count();
        let fits = self.chars <= MAX_CHARS;
        self.written.push_str(if fits { piece } else { "…" });
        fits
    }
}

fn written_out(c: char) -> String {
    match c {
        // What only stands for itself within quotes.
        '"' | '\'' | '\\' => c.into(),
        _ => c.escape_debug().to_string(),
    }
}

impl From<&str> for Printable {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl fmt::Display for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Printable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from(text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_means_something_else_to_a_reader_is_written_out() {
        for (bytes, shown) in [
            (&b"front door"[..], "front door"),
            ("Türkamera 門".as_bytes(), "Türkamera 門"),
            (b"\x1b[31mred\x1b]0;title\x07", r"\u{1b}[31mred\u{1b}]0;title\u{7}"),
            (b"a\r\nb\tc\0", r"a\r\nb\tc\0"),
            (
                "\u{9b}2J \u{202e}gpj.exe \u{2066}\u{feff}".as_bytes(),
                r"\u{9b}2J \u{202e}gpj.exe \u{2066}\u{feff}",
            ),
            (
                "z\u{300}\u{300} \u{2028}\u{e0041}\u{200b}".as_bytes(),
                r"z\u{300}\u{300} \u{2028}\u{e0041}\u{200b}",
            ),
            (b"\xff\xc3(", r"\xff\xc3("),
            (br#"<b onclick="x('y')">\"#, r#"<b onclick="x('y')">\"#),
            (b"", ""),
        ] {
            assert_eq!(Printable::new(bytes).as_str(), shown);
        }
    }

    #[test]
    fn long_text_is_cut() {
        let exact = "a".repeat(MAX_CHARS);
        assert_eq!(Printable::from(exact.as_str()).as_str(), exact);
        let cut = Printable::from("é".repeat(MAX_CHARS + 1).as_str());
        assert_eq!(cut.as_str().chars().count(), MAX_CHARS + 1);
        assert!(cut.as_str().ends_with("é…"));
        let bytes = Printable::new(&vec![0xff; 100_000]);
        assert_eq!(bytes.as_str().chars().count(), MAX_CHARS + 1);
    }

    fn is_plain(c: char) -> bool {
        matches!(c, '"' | '\'' | '\\') || c.escape_debug().count() == 1
    }

    proptest! {
        #[test]
        fn nothing_unprintable_comes_through(bytes: Vec<u8>) {
            let text = Printable::new(&bytes);
            prop_assert!(text.as_str().chars().all(is_plain));
        }

        #[test]
        fn what_is_fit_stays_as_it_is(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let once = Printable::new(&bytes);
            prop_assert_eq!(&Printable::from(once.as_str()), &once);
            let json = serde_json::to_string(&once).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Printable>(&json).unwrap(), &once);
        }
    }
}
