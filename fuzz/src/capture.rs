//! The capture reader.

use std::convert::identity;

use camfence::capture::{Frame, Problem, read};

/// Reads a file as a capture.
///
/// # Panics
/// When the reader hands out more bytes than the file has, says that a frame was shorter than what
/// was captured of it, or counts frames wrongly.
pub fn capture(file: &[u8]) {
    let (mut frames, mut bytes) = (0, 0);
    let each = |frame: Frame<'_>| {
        frames += 1;
        bytes += frame.bytes.len();
        assert!(frame.bytes.len() <= frame.wire_len, "{frame:?}");
        Ok(())
    };
    let end = read(file, each, identity);
    assert!(bytes <= file.len(), "{bytes} bytes out of {}", file.len());
    match end {
        Ok(()) => assert_ne!(frames, 0, "a capture without frames"),
        Err(Problem::Empty | Problem::Unknown) => assert_eq!(frames, 0),
        Err(Problem::Truncated { frames: told } | Problem::Damaged { frames: told }) => {
            assert_eq!(frames, told);
        }
        Err(Problem::NotEthernet(_)) => {}
        Err(Problem::Io(error)) => panic!("reading memory failed: {error}"),
    }
}
