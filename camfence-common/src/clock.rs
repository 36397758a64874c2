//! The kernel's tick counter as a clock.
//!
//! Reading it is one load, where the verifier puts that in the place of the helper (`bpf_jiffies64`, kernel
//! 5.5). It goes on in whole ticks of `CLOCK_MONOTONIC` (`tick_do_update_jiffies64`), some milliseconds
//! each, so that a factor and an offset make nanoseconds of it.

use bytemuck::{Pod, Zeroable};

const NANOSECONDS: u64 = 1_000_000_000;

/// Ticks in a second that kernels are built with (`kernel/Kconfig.hz`).
const RATES: [u64; 4] = [100, 250, 300, 1_000];

/// The counter begins so many seconds before it has 33 bits (`INITIAL_JIFFIES`).
const BEFORE_33_BITS: u64 = 300;

/// How far the two clocks may be apart: the ticks begin some time after the other, while a machine starts, and may
/// be counted late.
const APART: u64 = 10 * NANOSECONDS;

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

    /// From some readings. None if they fit no rate, or more than one: about five minutes after the start all
    /// rates have the same count.
    ///
    /// How many ticks there are says the rate, and not how many come in a while: on a machine that waits for
    /// its CPU they may come late and many at once.
    pub fn of(readings: &[Clocks]) -> Option<Self> {
        let last = readings.last()?;
        let mut fitting = RATES.into_iter().filter(|rate| fits(*rate, *last));
        let (rate, None) = (fitting.next()?, fitting.next()) else { return None };
        let tick = tick(rate);
        // Each was read some time after its tick, by which the offset is too large. Less a whole tick, no
        // time is told before it comes.
        let offset = |clocks: &Clocks| {
            clocks.nanoseconds.wrapping_sub(clocks.ticks.wrapping_mul(tick)).cast_signed()
        };
        let soonest = readings.iter().map(offset).min()?;
        Some(Self { tick, offset: soonest.cast_unsigned().wrapping_sub(tick) })
    }

    /// The time of a number of ticks.
    #[inline(always)]
    pub const fn at(self, ticks: u64) -> u64 {
        ticks.wrapping_mul(self.tick).wrapping_add(self.offset)
    }
}

/// Nanoseconds of a tick, as `TICK_NSEC` rounds it (`include/vdso/jiffies.h`).
const fn tick(rate: u64) -> u64 {
    (NANOSECONDS + rate / 2) / rate
}

/// Whether there are as many ticks as there would be at a rate.
fn fits(rate: u64, clocks: Clocks) -> bool {
    let first = (1 << 32) - BEFORE_33_BITS * rate;
    let since = clocks.ticks.checked_sub(first).map(|ticks| ticks.saturating_mul(tick(rate)));
    since.is_some_and(|since| since.abs_diff(clocks.nanoseconds) <= APART)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(rate: u64, nanoseconds: u64) -> Clocks {
        let first = (1 << 32) - BEFORE_33_BITS * rate;
        Clocks { ticks: first + nanoseconds / tick(rate), nanoseconds }
    }

    const YEAR: u64 = 365 * 86_400 * NANOSECONDS;

    #[test]
    fn every_rate_is_told_whenever_it_is_measured() {
        for rate in RATES {
            for start in
                [NANOSECONDS, 5_003_000_001, 200 * NANOSECONDS, 400 * NANOSECONDS, 30 * YEAR]
            {
                let readings = [0, 1_234_567, 2_345_678].map(|after| clocks(rate, start + after));
                let found = TickRate::of(&readings).unwrap();
                assert_eq!(found.tick, tick(rate), "{rate} at {start}");
                for after in [2_345_678, 2_345_679, 99_999_999, YEAR] {
                    let moment = clocks(rate, start + after);
                    let told = found.at(moment.ticks);
                    assert!(told <= moment.nanoseconds, "{rate}: told early");
                    assert!(moment.nanoseconds - told <= 2 * found.tick, "{rate}: told late");
                }
            }
        }
    }

    #[test]
    fn ticks_that_come_late_change_nothing() {
        let at = |ticks_at, now| Clocks { nanoseconds: now, ..clocks(250, ticks_at) };
        let late = at(70_000_000_000, 79_000_000_000);
        let found = TickRate::of(&[late, clocks(250, 79_500_000_000)]).unwrap();
        assert_eq!(found.tick, 4_000_000);
        let moment = clocks(250, 90_000_000_000);
        assert!(found.at(moment.ticks) <= moment.nanoseconds);
        assert!(moment.nanoseconds - found.at(moment.ticks) <= 8_000_000);
    }

    #[test]
    fn what_fits_no_rate_or_two_is_not_known() {
        let at = |ticks, nanoseconds| Clocks { ticks, nanoseconds };
        assert_eq!(TickRate::of(&[]), None);
        for reading in [at(0, 0), at(20, 80_000_000), at(1 << 40, NANOSECONDS), at(u64::MAX, 0)] {
            assert_eq!(TickRate::of(&[reading]), None);
        }
        for rate in RATES {
            assert_eq!(TickRate::of(&[clocks(rate, 300 * NANOSECONDS)]), None);
        }
    }
}
