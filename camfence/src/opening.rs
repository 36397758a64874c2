//! For how long the fence can be opened for a camera.

use std::{fmt, str::FromStr, time::Duration};

use thiserror::Error;

/// A time to open the fence for: whole seconds, within the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenTime {
    seconds: u64,
}

impl OpenTime {
    /// The shortest.
    pub const SHORTEST: Self = Self { seconds: 1 };
    /// The longest: an opening that is forgotten is over tomorrow.
    pub const LONGEST: Self = Self { seconds: 24 * 60 * 60 };

    /// So many seconds.
    pub const fn from_seconds(seconds: u64) -> Result<Self, OpenTimeError> {
        if seconds < Self::SHORTEST.seconds || seconds > Self::LONGEST.seconds {
            return Err(OpenTimeError::OutOfLimits);
        }
        Ok(Self { seconds })
    }

    /// As seconds.
    pub const fn seconds(self) -> u64 {
        self.seconds
    }
}

impl From<OpenTime> for Duration {
    fn from(time: OpenTime) -> Self {
        Self::from_secs(time.seconds)
    }
}

impl FromStr for OpenTime {
    type Err = OpenTimeError;

    fn from_str(text: &str) -> Result<Self, OpenTimeError> {
        let time = humantime::parse_duration(text).map_err(|_| OpenTimeError::NotATime)?;
        if time.subsec_nanos() != 0 {
            return Err(OpenTimeError::NotWhole);
        }
        Self::from_seconds(time.as_secs())
    }
}

impl fmt::Display for OpenTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration((*self).into()).fmt(f)
    }
}

/// A time that the fence cannot be opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenTimeError {
    /// No time.
    #[error("this is not a time; write it like 90s, 10m or 1h 30m")]
    NotATime,
    /// Parts of a second.
    #[error("only whole seconds count")]
    NotWhole,
    /// Too short or too long.
    #[error(
        "the fence can be opened for {}s to {}h at a time",
        OpenTime::SHORTEST.seconds,
        OpenTime::LONGEST.seconds / 3600
    )]
    OutOfLimits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_within_the_limits_are_read() {
        for (text, seconds) in
            [("1s", 1), ("90s", 90), ("10m", 600), ("1h 30m", 5400), ("24h", 86400), ("1d", 86400)]
        {
            assert_eq!(text.parse::<OpenTime>().map(OpenTime::seconds), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn other_times_are_refused_with_the_reason() {
        use OpenTimeError::{NotATime, NotWhole, OutOfLimits};
        for (text, error) in [
            ("0s", OutOfLimits),
            ("24h 1s", OutOfLimits),
            ("1year", OutOfLimits),
            ("18446744073709551615s", OutOfLimits),
            ("999ms", NotWhole),
            ("1s 1ns", NotWhole),
            ("", NotATime),
            ("10", NotATime),
            ("-5m", NotATime),
            ("forever", NotATime),
            ("99999999999999999999y", NotATime),
        ] {
            assert_eq!(text.parse::<OpenTime>(), Err(error), "{text:?}");
        }
        let limits = OutOfLimits.to_string();
        assert!(limits.contains("1s to 24h"), "{limits}");
    }

    #[test]
    fn a_time_is_shown_as_it_is_written() {
        assert_eq!(OpenTime { seconds: 600 }.to_string(), "10m");
        assert_eq!(OpenTime { seconds: 5400 }.to_string(), "1h 30m");
    }
}
