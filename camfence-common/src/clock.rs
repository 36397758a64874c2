//! The kernel's tick counter as a clock.
//!
//! Reading it is one load, where the verifier puts that in the place of the helper (`bpf_jiffies64`, kernel
//! 5.5). It goes on in whole ticks of `CLOCK_MONOTONIC` (`tick_do_update_jiffies64`), some milliseconds
//! each, so that a factor and an offset make nanoseconds of it.

use bytemuck::{Pod, Zeroable};

const NANOSECONDS: u64 = 1_000_000_000;

/// Ticks in a second that kernels are built with (`kernel/Kconfig.hz`).
const RATES: [u64; 4] = [100, 250, 300, 1_000];

/// Nanoseconds that have to be between two readings for the rates to be told apart: with a tick more or less
/// 250 and 300 are two ticks apart.
pub const APART: u64 = 80_000_000;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Clocks {
    /// Ticks, from a number that is not zero (`INITIAL_JIFFIES`).
    pub ticks: u64,
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub nanoseconds: u64,
}

/// How ticks become nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct TickRate {
    /// Nanoseconds of a tick; zero if it is not known.
    pub tick: u64,
    /// What is added, with overflow.
    pub offset: u64,
}

impl TickRate {
    /// Not known.
    pub const UNKNOWN: Self = Self { tick: 0, offset: 0 };

    /// From readings that are [`APART`]. None if they fit no rate.
    pub fn of(earlier: Clocks, later: Clocks) -> Option<Self> {
        let ticks = later.ticks.checked_sub(earlier.ticks)?;
        let time = later.nanoseconds.checked_sub(earlier.nanoseconds)?;
        let fits = |rate: &u64| {
            let expected = time / (NANOSECONDS / rate);
            time >= APART && ticks.abs_diff(expected) <= 1
        };
        let rate = RATES.into_iter().find(fits)?;
        // As `TICK_NSEC` rounds it (`include/vdso/jiffies.h`).
        let tick = (NANOSECONDS + rate / 2) / rate;
        let offset = later.nanoseconds.wrapping_sub(later.ticks.wrapping_mul(tick));
        Some(Self { tick, offset })
    }

    /// The time of a number of ticks.
    #[inline(always)]
    pub const fn at(self, ticks: u64) -> u64 {
        ticks.wrapping_mul(self.tick).wrapping_add(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(rate: u64, nanoseconds: u64) -> Clocks {
        let initial = (1 << 32) - 300 * rate;
        let ticks = u128::from(nanoseconds) * u128::from(rate) / u128::from(NANOSECONDS);
        Clocks { ticks: initial + u64::try_from(ticks).unwrap(), nanoseconds }
    }

    #[test]
    fn every_rate_is_told_whenever_it_is_measured() {
        for rate in RATES {
            for start in [0, 1, 299_999_999_999, 300 * NANOSECONDS, 1 << 55] {
                for apart in [APART, APART + 3_333_333, 250_000_000] {
                    let (earlier, later) = (clocks(rate, start), clocks(rate, start + apart));
                    let found = TickRate::of(earlier, later).unwrap();
                    assert_eq!((NANOSECONDS + rate / 2) / rate, found.tick, "{rate} at {start}");
                    assert_eq!(found.at(later.ticks), later.nanoseconds);
                    let hour = clocks(rate, start + 3_600 * NANOSECONDS);
                    let off = found.at(hour.ticks).abs_diff(hour.nanoseconds);
                    assert!(off <= found.tick + 3_600 * rate, "{rate}: {off} ns off after an hour");
                }
            }
        }
    }

    #[test]
    fn what_fits_no_rate_is_not_known() {
        let at = |ticks, nanoseconds| Clocks { ticks, nanoseconds };
        for (earlier, later) in [
            (at(0, 0), at(20, APART - 1)),
            (at(0, 0), at(0, NANOSECONDS)),
            (at(0, 0), at(1_024, NANOSECONDS)),
            (at(5, 0), at(4, NANOSECONDS)),
            (at(0, 5), at(250, 4)),
        ] {
            assert_eq!(TickRate::of(earlier, later), None);
        }
    }
}
