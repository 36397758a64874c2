//! The times that counts are added up over.

use std::{fmt, str::FromStr, time::Duration};

/// How long a bucket is. Buckets begin at multiples of it since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// Five minutes.
    FiveMinutes,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Width {
    /// Every width, the shortest first.
    pub const ALL: [Self; 3] = [Self::FiveMinutes, Self::Hour, Self::Day];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5min",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Its seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::FiveMinutes => 5 * 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
        }
    }

    /// For how long such buckets are kept, if the history is kept so long.
    pub fn kept(self, keep: Duration) -> Duration {
        match self {
            Self::FiveMinutes => keep.min(Duration::from_hours(48)),
            Self::Hour => keep.min(Duration::from_hours(60 * 24)),
            Self::Day => keep,
        }
    }

    /// The width in which a time is a table of a few lines to some dozen.
    pub const fn suiting(time: Duration) -> Self {
        match time.as_secs() {
            0..=14_400 => Self::FiveMinutes,
            14_401..=172_800 => Self::Hour,
            _ => Self::Day,
        }
    }

    /// The number of the bucket that a moment since 1970 is in; the last there can be of one that is
    /// later.
    pub fn number(self, since_epoch: Duration) -> u32 {
        u32::try_from(since_epoch.as_secs() / self.seconds()).unwrap_or(u32::MAX)
    }

    /// When a bucket begins, since 1970.
    pub fn start(self, number: u32) -> Duration {
        Duration::from_secs(u64::from(number) * self.seconds())
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Width {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|width| width.name() == text);
        found.ok_or_else(|| "write 5min, hour or day".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_in_the_bucket_that_begins_before_it() {
        let moment = Duration::from_secs(1_795_219_200 + 7 * 3600 + 299);
        for width in Width::ALL {
            let number = width.number(moment);
            assert!(width.start(number) <= moment && moment < width.start(number + 1), "{width}");
            assert_eq!(width.name().parse(), Ok(width));
        }
        assert_eq!(Width::Day.start(Width::Day.number(moment)), Duration::from_hours(24 * 20_778));
        assert_eq!(Width::FiveMinutes.number(Duration::MAX), u32::MAX);
    }

    #[test]
    fn nothing_is_kept_longer_than_the_history() {
        let day = Duration::from_hours(24);
        for width in Width::ALL {
            assert_eq!(width.kept(day), day);
        }
        assert_eq!(Width::Hour.kept(400 * day), 60 * day);
        assert_eq!(Width::Day.kept(400 * day), 400 * day);
    }

    #[test]
    fn a_table_is_not_long() {
        for (hours, width) in [(1, Width::FiveMinutes), (24, Width::Hour), (24 * 7, Width::Day)] {
            assert_eq!(Width::suiting(Duration::from_hours(hours)), width);
        }
    }
}
