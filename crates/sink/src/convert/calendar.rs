//! Days and dates in the proleptic Gregorian calendar, that of Postgres and of `java.time`.

/// A day of the proleptic Gregorian calendar; year 0 is 1 BC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

/// Days per month of a year that is not a leap year.
const MONTH_DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

impl Civil {
    /// The day, if there is one.
    pub(super) fn checked(year: i64, month: i64, day: i64) -> Option<Self> {
        let index = usize::try_from(month.checked_sub(1)?).ok()?;
        let leap_day = i64::from(month == 2 && is_leap(year));
        let days = MONTH_DAYS.get(index)? + leap_day;
        (1..=days).contains(&day).then_some(Self { year, month, day })
    }

    /// Days since 1970-01-01 (Howard Hinnant's `days_from_civil`, which holds for any year).
    pub(super) const fn epoch_days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted_month = (self.month + 9) % 12;
        let day_of_year = (153 * shifted_month + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// The inverse.
    pub(super) const fn from_epoch_days(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400;
        Self { year: if month <= 2 { year + 1 } else { year }, month, day }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    /// Counts year by year from 1970, unlike the code under test.
    fn counted(civil: Civil, leap: fn(i64) -> bool) -> i64 {
        let year_days = |year| 365 + i64::from(leap(year));
        let mut days = if civil.year >= 1970 {
            (1970..civil.year).map(year_days).sum::<i64>()
        } else {
            -(civil.year..1970).map(year_days).sum::<i64>()
        };
        for month in 1..civil.month {
            days += MONTH_DAYS[usize::try_from(month - 1).unwrap()]
                + i64::from(month == 2 && leap(civil.year));
        }
        days + civil.day - 1
    }

    proptest! {
        #[test]
        fn epoch_days_are_those_counted_year_by_year(year in -4800_i64..6000, month in 1_i64..13, day in 1_i64..29) {
            let civil = Civil { year, month, day };
            prop_assert_eq!(civil.epoch_days(), counted(civil, is_leap));
        }

        #[test]
        fn from_epoch_days_is_the_inverse(days in any::<i32>()) {
            let civil = Civil::from_epoch_days(i64::from(days));
            prop_assert_eq!(civil.epoch_days(), i64::from(days));
            prop_assert_eq!(Civil::checked(civil.year, civil.month, civil.day), Some(civil));
        }
    }

    #[test]
    fn day_outside_its_month_is_none() {
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (2024, 13, 1), (2024, 0, 1), (2024, 4, 31)]
        {
            assert_eq!(Civil::checked(year, month, day), None);
        }
    }
}
