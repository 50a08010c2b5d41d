//! `interval` in the style `postgres`: `1 year 2 mons -3 days 04:05:06.789`.

use super::scan::Scan;
use super::stack::StackText;
use super::{ConvertError, Result};

const INTERVAL: ConvertError = ConvertError::new("an interval");

/// The parts as they are printed; each has its own sign. The server's hours need more than 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Interval {
    years: i32,
    months: i32,
    days: i32,
    hours: i64,
    minutes: i32,
    seconds: i32,
    micros: i32,
}

impl Interval {
    /// Parses the text form.
    ///
    /// # Errors
    /// If it is in another style, or a part does not fit what the server has for it.
    pub(super) fn parse(text: &[u8]) -> Result<Self> {
        let mut interval = Self::default();
        let mut scan = Scan::new(text);
        while !scan.is_empty() {
            interval.scan_part(&mut scan).ok_or(INTERVAL)?;
            if !scan.eat(b' ') && !scan.is_empty() {
                return Err(INTERVAL);
            }
        }
        Ok(interval)
    }

    fn scan_part(&mut self, scan: &mut Scan<'_>) -> Option<()> {
        let negative = scan.eat(b'-');
        if !negative {
            scan.eat(b'+');
        }
        let (_width, value) = scan.digits()?;
        if scan.eat(b':') {
            return self.scan_clock(scan, value, negative);
        }
        let value = i32::try_from(if negative { -value } else { value }).ok()?;
        if !scan.eat(b' ') {
            return None;
        }
        match scan.take_while(|byte| byte.is_ascii_alphabetic()) {
            b"year" | b"years" => self.years = value,
            b"mon" | b"mons" => self.months = value,
            b"day" | b"days" => self.days = value,
            _ => return None,
        }
        Some(())
    }

    fn scan_clock(&mut self, scan: &mut Scan<'_>, hours: i64, negative: bool) -> Option<()> {
        let minutes = scan.two_digits()?;
        if !scan.eat(b':') {
            return None;
        }
        let seconds = scan.two_digits()?;
        let micros = if scan.eat(b'.') {
            let (width, value) = scan.digits()?;
            value * 10_i64.pow(6_u32.checked_sub(width)?)
        } else {
            0
        };
        let signed = |part: i64| i32::try_from(if negative { -part } else { part }).ok();
        self.hours = if negative { -hours } else { hours };
        self.minutes = signed(minutes)?;
        self.seconds = signed(seconds)?;
        self.micros = signed(micros)?;
        Some(())
    }

    /// Microseconds, a month being a twelfth of 365.25 days: Debezium's `MicroDuration.durationMicros`,
    /// computed in floating point as there, and cut like Java's cast.
    pub(super) fn duration_micros(self) -> i64 {
        let months = f64::from(self.years) * 12.0 + f64::from(self.months);
        let days = months * (365.25 / 12.0) + f64::from(self.days);
        #[expect(
            clippy::cast_precision_loss,
            reason = "as in Java; the server's hours are below 2^32"
        )]
        let hours = self.hours as f64;
        let minutes = (days * 24.0 + hours) * 60.0 + f64::from(self.minutes);
        let seconds = f64::from(self.seconds) + f64::from(self.micros) / 1_000_000.0;
        let micros = (minutes * 60.0 + seconds) * 1_000_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "saturates, as the cast in Java does")]
        let micros = micros as i64;
        micros
    }

    /// ISO-8601 with every part: `P0Y1M-1DT0H0M-6.7S`.
    pub(super) fn iso(self) -> StackText {
        let mut text = StackText::new();
        text.push(b'P');
        for (part, unit) in [(self.years, "Y"), (self.months, "M"), (self.days, "DT")] {
            text.number(i64::from(part));
            text.push_str(unit);
        }
        text.number(self.hours);
        text.push(b'H');
        text.number(i64::from(self.minutes));
        text.push(b'M');
        let micros = i64::from(self.seconds) * 1_000_000 + i64::from(self.micros);
        if micros < 0 {
            text.push(b'-');
        }
        text.number(micros.abs() / 1_000_000);
        if micros % 1_000_000 != 0 {
            text.push(b'.');
            text.padded(micros.abs() % 1_000_000, 6);
            text.trim_zeros();
        }
        text.push(b'S');
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn parts_keep_their_signs(years in any::<i32>(), months in -11_i32..12, days in any::<i32>()) {
            let text = format!("{years} years {months} mons {days} days");
            let parsed = Interval::parse(text.as_bytes()).unwrap();
            prop_assert_eq!((parsed.years, parsed.months, parsed.days), (years, months, days));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(text in any::<Vec<u8>>()) {
            let parsed = Interval::parse(&text);
            prop_assert_eq!(parsed.is_err(), parsed.map(Interval::duration_micros).is_err());
        }
    }

    #[test]
    fn greatest_parts_of_the_server_are_read() {
        let longest = Interval::parse(b"2562047788:00:54.775807").unwrap();
        assert_eq!(longest.iso().as_str(), "P0Y0M0DT2562047788H0M54.775807S");
        assert_eq!(Interval::parse(b"178000000 years").unwrap().duration_micros(), i64::MAX);
        assert!(Interval::parse(b"2147483647 years").is_ok());
        assert!(Interval::parse(b"2147483648 years").is_err());
    }
}
