//! `date`, `time`, `timetz`, `timestamp`, `timestamptz` in ISO date style.

use super::calendar::Civil;
use super::scan::Scan;
use super::stack::StackText;
use super::{ConvertError, Result};
use crate::emit::Emit;

const DATE: ConvertError = ConvertError::new("a date");
const TIME: ConvertError = ConvertError::new("a time");
const TIMETZ: ConvertError = ConvertError::new("a timetz");
const TIMESTAMP: ConvertError = ConvertError::new("a timestamp");
const TIMESTAMPTZ: ConvertError = ConvertError::new("a timestamptz");
const NANOS: ConvertError = ConvertError::new("a timestamp within 64 bits of nanoseconds");

const SECOND: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;
const DAY: i64 = DAY_SECONDS * SECOND;

/// How a temporal value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
    Iso,
}

/// Which numbers stand for an infinite date: Debezium has two readings of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InfiniteDays {
    /// The greatest and the least date of `java.time`: while streaming.
    JavaTime,
    /// Those of `java.sql`: in a snapshot, and for elements of arrays always.
    Jdbc,
}

/// A finite value or one of the two infinite ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment<T> {
    At(T),
    Infinity,
    MinusInfinity,
}

/// A day and the microseconds since its midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DateTime {
    day: Civil,
    micros: i64,
}

/// Days of `infinity` and `-infinity`: what Debezium makes of `java.time`'s and of `java.sql`'s greatest
/// and least date, cut to 32 bits.
const fn infinite_days(reading: InfiniteDays, positive: bool) -> i32 {
    match (reading, positive) {
        (InfiniteDays::JavaTime, true) => -2_147_472_692,
        (InfiniteDays::JavaTime, false) => -2_147_472_691,
        (InfiniteDays::Jdbc, true) => -622_191_234,
        (InfiniteDays::Jdbc, false) => -625_821_272,
    }
}

/// The same, in `time.precision.mode=isostring`.
const fn infinite_date(reading: InfiniteDays, positive: bool) -> &'static str {
    match (reading, positive) {
        (InfiniteDays::JavaTime, true) => "-5877611-06-21Z",
        (InfiniteDays::JavaTime, false) => "-5877611-06-22Z",
        (InfiniteDays::Jdbc, true) => "+292278994-08-16Z",
        (InfiniteDays::Jdbc, false) => "+292269055-12-02Z",
    }
}

/// Microseconds of the driver's infinite timestamps.
const INFINITY_MICROS: i64 = 9_223_372_036_825_200_000;
const MINUS_INFINITY_MICROS: i64 = -9_223_372_036_832_400_000;

/// Emits a date: days since the epoch, or ISO with a `Z`.
pub(super) fn emit_date<E: Emit>(
    text: &[u8],
    infinite: InfiniteDays,
    iso: bool,
    out: &mut E,
) -> Result<()> {
    let day = match parse_date(text)? {
        Moment::At(day) => day,
        end if iso => {
            out.string(infinite_date(infinite, end == Moment::Infinity));
            return Ok(());
        }
        end => {
            out.int32(infinite_days(infinite, end == Moment::Infinity));
            return Ok(());
        }
    };
    if iso {
        let mut text = StackText::new();
        push_date(day, &mut text);
        text.push(b'Z');
        out.string(text.as_str());
    } else {
        out.int32(i32::try_from(day.epoch_days()).map_err(|_out_of_range| DATE)?);
    }
    Ok(())
}

/// Emits a time of day. Text knows no 24:00.
pub(super) fn emit_time<E: Emit>(text: &[u8], unit: Unit, out: &mut E) -> Result<()> {
    let mut scan = Scan::new(text);
    let micros = scan_time(&mut scan).filter(|_time| scan.is_empty()).ok_or(TIME)?;
    match unit {
        Unit::Millis => out.int32(i32::try_from(micros / 1_000).map_err(|_out_of_range| TIME)?),
        Unit::Micros => out.int64(micros),
        Unit::Nanos => out.int64(micros * 1_000),
        Unit::Iso => emit_time_of_day(micros % DAY, out),
    }
    Ok(())
}

/// Emits a time with its zone, as UTC.
pub(super) fn emit_timetz<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    let mut scan = Scan::new(text);
    let micros = scan_time(&mut scan).ok_or(TIMETZ)?;
    let offset = scan_offset(&mut scan).ok_or(TIMETZ)?;
    if !scan.is_empty() {
        return Err(TIMETZ);
    }
    emit_time_of_day((micros - offset * SECOND).rem_euclid(DAY), out);
    Ok(())
}

fn emit_time_of_day<E: Emit>(micros: i64, out: &mut E) {
    let mut text = StackText::new();
    push_time(micros, None, &mut text);
    text.push(b'Z');
    out.string(text.as_str());
}

/// Emits a timestamp.
///
/// # Errors
/// If it does not fit the unit, for nanoseconds. Microseconds wrap as Debezium's do.
pub(super) fn emit_timestamp<E: Emit>(text: &[u8], unit: Unit, out: &mut E) -> Result<()> {
    let mut scan = Scan::new(text);
    let moment = scan_moment(&mut scan).filter(|_moment| scan.is_empty()).ok_or(TIMESTAMP)?;
    match (moment, unit) {
        (Moment::Infinity, Unit::Nanos) => out.int64(i64::MAX),
        (Moment::MinusInfinity, Unit::Nanos) => out.int64(i64::MIN),
        (Moment::Infinity, unit) => emit_infinite(INFINITY_MICROS, unit, out),
        (Moment::MinusInfinity, unit) => emit_infinite(MINUS_INFINITY_MICROS, unit, out),
        (Moment::At(at), unit) => {
            let days = at.day.epoch_days();
            if unit == Unit::Iso {
                emit_iso_timestamp(days, at.micros, out);
            } else {
                emit_epoch(days, at.micros, unit, out)?;
            }
        }
    }
    Ok(())
}

fn emit_infinite<E: Emit>(micros: i64, unit: Unit, out: &mut E) {
    match unit {
        Unit::Millis => out.int64(micros / 1_000),
        Unit::Micros | Unit::Nanos => out.int64(micros),
        Unit::Iso => emit_iso_timestamp(micros.div_euclid(DAY), micros.rem_euclid(DAY), out),
    }
}

fn emit_iso_timestamp<E: Emit>(days: i64, micros: i64, out: &mut E) {
    let mut text = StackText::new();
    push_date(Civil::from_epoch_days(days), &mut text);
    text.push(b'T');
    push_time(micros, None, &mut text);
    text.push(b'Z');
    out.string(text.as_str());
}

fn emit_epoch<E: Emit>(days: i64, micros: i64, unit: Unit, out: &mut E) -> Result<()> {
    let seconds = days * DAY_SECONDS + micros / SECOND;
    let micros_of_second = micros % SECOND;
    match unit {
        Unit::Millis => out.int64(seconds * 1_000 + micros_of_second / 1_000),
        // `TimeUnit.SECONDS.toMicros` saturates, the addition after it wraps.
        Unit::Micros | Unit::Iso => {
            out.int64(seconds.saturating_mul(SECOND).wrapping_add(micros_of_second));
        }
        // The day first, then the time within it: so the first day of the range is not in it.
        Unit::Nanos => {
            let midnight = days.checked_mul(DAY * 1_000);
            let nanos = midnight.and_then(|midnight| midnight.checked_add(micros * 1_000));
            out.int64(nanos.ok_or(NANOS)?);
        }
    }
    Ok(())
}

/// Emits a timestamp with its zone as UTC, with exactly `digits` decimals.
pub(super) fn emit_timestamptz<E: Emit>(text: &[u8], digits: usize, out: &mut E) -> Result<()> {
    let at = match parse_timestamptz(text)? {
        Moment::At(at) => at,
        Moment::Infinity => {
            out.string("infinity");
            return Ok(());
        }
        Moment::MinusInfinity => {
            out.string("-infinity");
            return Ok(());
        }
    };
    let mut text = StackText::new();
    push_date(at.day, &mut text);
    text.push(b'T');
    push_time(at.micros, Some(digits), &mut text);
    text.push(b'Z');
    out.string(text.as_str());
    Ok(())
}

fn parse_timestamptz(text: &[u8]) -> Result<Moment<DateTime>> {
    let mut scan = Scan::new(text);
    let Some((day, time)) = scan_date_start(&mut scan).ok_or(TIMESTAMPTZ)? else {
        return infinite(text).ok_or(TIMESTAMPTZ);
    };
    let micros = if time { scan_time(&mut scan).ok_or(TIMESTAMPTZ)? } else { 0 };
    let offset = scan_offset(&mut scan).ok_or(TIMESTAMPTZ)?;
    let day = scan_era(&mut scan, day).filter(|_day| scan.is_empty()).ok_or(TIMESTAMPTZ)?;
    if offset == 0 {
        return Ok(Moment::At(DateTime { day, micros }));
    }
    let utc = i128::from(day.epoch_days()) * i128::from(DAY) + i128::from(micros - offset * SECOND);
    let days = i64::try_from(utc.div_euclid(i128::from(DAY))).map_err(|_range| TIMESTAMPTZ)?;
    let micros = i64::try_from(utc.rem_euclid(i128::from(DAY))).map_err(|_range| TIMESTAMPTZ)?;
    Ok(Moment::At(DateTime { day: Civil::from_epoch_days(days), micros }))
}

fn parse_date(text: &[u8]) -> Result<Moment<Civil>> {
    let mut scan = Scan::new(text);
    match scan_date_start(&mut scan).ok_or(DATE)? {
        Some((day, false)) => {
            let day = scan_era(&mut scan, day).filter(|_day| scan.is_empty()).ok_or(DATE)?;
            Ok(Moment::At(day))
        }
        Some((_day, true)) => Err(DATE),
        None => infinite(text).ok_or(DATE),
    }
}

fn scan_moment(scan: &mut Scan<'_>) -> Option<Moment<DateTime>> {
    let Some((day, time)) = scan_date_start(scan)? else {
        return infinite(scan.take_while(|_any| true));
    };
    let micros = if time { scan_time(scan)? } else { 0 };
    let day = scan_era(scan, day)?;
    Some(Moment::At(DateTime { day, micros }))
}

fn infinite<T>(text: &[u8]) -> Option<Moment<T>> {
    match text {
        b"infinity" => Some(Moment::Infinity),
        b"-infinity" => Some(Moment::MinusInfinity),
        _ => None,
    }
}

/// A date whose era is not known yet.
type YearMonthDay = (i64, i64, i64);

/// A date before its era, and whether a time follows. `Some(None)` if the text does
/// not begin with a digit.
fn scan_date_start(scan: &mut Scan<'_>) -> Option<Option<(YearMonthDay, bool)>> {
    if !scan.peek()?.is_ascii_digit() {
        return Some(None);
    }
    let (width, year) = scan.digits()?;
    if !(4..=7).contains(&width) || !scan.eat(b'-') {
        return None;
    }
    let month = scan.two_digits()?;
    if !scan.eat(b'-') {
        return None;
    }
    let day = scan.two_digits()?;
    let mut ahead = *scan;
    let time = ahead.eat(b' ') && ahead.peek().is_some_and(|next| next.is_ascii_digit());
    if time {
        *scan = ahead;
    }
    Some(Some(((year, month, day), time)))
}

/// The era, ` BC` or nothing, and with it the day.
fn scan_era(scan: &mut Scan<'_>, (year, month, day): YearMonthDay) -> Option<Civil> {
    let year = if scan.eat_all(b" BC") { 1 - year } else { year };
    Civil::checked(year, month, day)
}

/// `hh:mm[:ss[.ffffff]]` in microseconds; up to 24:00:00.
fn scan_time(scan: &mut Scan<'_>) -> Option<i64> {
    let hours = scan.two_digits()?;
    if !scan.eat(b':') {
        return None;
    }
    let minutes = scan.two_digits()?;
    let seconds = if scan.eat(b':') { scan.two_digits()? } else { 0 };
    let fraction = if scan.eat(b'.') {
        let (width, value) = scan.digits()?;
        value * 10_i64.pow(6_u32.checked_sub(width)?)
    } else {
        0
    };
    let micros = ((hours * 60 + minutes) * 60 + seconds) * SECOND + fraction;
    (minutes < 60 && seconds < 60 && micros <= DAY).then_some(micros)
}

/// `±hh[:mm[:ss]]` in seconds.
fn scan_offset(scan: &mut Scan<'_>) -> Option<i64> {
    let negative = match scan.next()? {
        b'+' => false,
        b'-' => true,
        _ => return None,
    };
    let hours = scan.two_digits()?;
    let minutes = if scan.eat(b':') { scan.two_digits()? } else { 0 };
    let seconds = if scan.eat(b':') { scan.two_digits()? } else { 0 };
    let offset = (hours * 60 + minutes) * 60 + seconds;
    Some(if negative { -offset } else { offset })
}

/// ISO-8601 as `java.time` writes it: four digits of a year or more, a sign outside of 0 to 9999.
fn push_date(day: Civil, text: &mut StackText) {
    if day.year < 0 {
        text.push(b'-');
    } else if day.year > 9_999 {
        text.push(b'+');
    }
    text.padded(day.year.abs(), 4);
    text.push(b'-');
    text.padded(day.month, 2);
    text.push(b'-');
    text.padded(day.day, 2);
}

/// `hh:mm:ss` and the decimals: as many as needed, or exactly as many as told.
pub(super) fn push_time(micros: i64, digits: Option<usize>, text: &mut StackText) {
    let seconds = micros / SECOND;
    text.padded(seconds / 3_600, 2);
    text.push(b':');
    text.padded(seconds / 60 % 60, 2);
    text.push(b':');
    text.padded(seconds % 60, 2);
    let fraction = micros % SECOND;
    match digits {
        None if fraction != 0 => {
            text.push(b'.');
            text.padded(fraction, 6);
            text.trim_zeros();
        }
        Some(digits @ 1..=6) => {
            text.push(b'.');
            let dropped = u32::try_from(6 - digits).unwrap_or_default();
            text.padded(fraction / 10_i64.pow(dropped), digits);
        }
        _ => {}
    }
}

/// Emits what Debezium makes of `DEFAULT 'infinity'` of a date: `LocalDate.MAX` and `MIN`, days cut to 32
/// bits. Whether the text is such a default.
pub(super) fn emit_infinite_date<E: Emit>(text: &str, iso: bool, out: &mut E) -> bool {
    match (text, iso) {
        ("infinity", false) => out.int32(169_560_311),
        ("infinity", true) => out.string("+999999999-12-31Z"),
        ("-infinity", false) => out.int32(-170_999_002),
        ("-infinity", true) => out.string("-999999999-01-01Z"),
        _ => return false,
    }
    true
}

/// The same for a timestamp: `OffsetDateTime.MAX` and `MIN`, which milliseconds and nanoseconds do not hold;
/// in microseconds the seconds saturate and their fraction wraps.
pub(super) fn emit_infinite_timestamp<E: Emit>(text: &str, unit: Unit, out: &mut E) {
    match (text, unit) {
        ("infinity", Unit::Micros) => out.int64(i64::MAX.wrapping_add(999_999)),
        ("-infinity", Unit::Micros) => out.int64(i64::MIN),
        ("infinity", Unit::Iso) => out.string("+999999999-12-31T23:59:59.999999999Z"),
        ("-infinity", Unit::Iso) => out.string("-999999999-01-01T00:00:00Z"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    fn micros(text: &str, unit: Unit) -> Option<i64> {
        let mut scan = Scan::new(text.as_bytes());
        let Moment::At(at) = scan_moment(&mut scan)? else { return None };
        let mut out = Last(None);
        emit_epoch(at.day.epoch_days(), at.micros, unit, &mut out).ok()?;
        out.0
    }

    /// Keeps the last number.
    struct Last(Option<i64>);

    impl Emit for Last {
        fn null(&mut self) {}
        fn boolean(&mut self, _value: bool) {}
        fn int8(&mut self, _value: i8) {}
        fn int16(&mut self, _value: i16) {}
        fn int32(&mut self, _value: i32) {}
        fn int64(&mut self, value: i64) {
            self.0 = Some(value);
        }
        fn float32(&mut self, _value: f32) {}
        fn float64(&mut self, _value: f64) {}
        fn string(&mut self, _value: &str) {}
        fn bytes(&mut self, _value: &[u8]) {}
        fn decimal(&mut self, _value: &crate::data::Decimal) {}
        fn begin_struct(&mut self) {}
        fn field(&mut self, _index: usize) {}
        fn end_struct(&mut self) {}
        fn begin_array(&mut self, _len: usize) {}
        fn item(&mut self) {}
        fn end_array(&mut self) {}
        fn begin_map(&mut self, _len: usize) {}
        fn map_key(&mut self) {}
        fn map_value(&mut self) {}
        fn end_map(&mut self) {}
    }

    proptest! {
        /// The era, month lengths and leap years are those of the civil calendar that `calendar` proves apart.
        #[test]
        fn timestamp_round_trips(value in -210_000_000_000_000_000_i64..9_000_000_000_000_000_000) {
            let (days, within) = (value.div_euclid(DAY), value.rem_euclid(DAY));
            let civil = Civil::from_epoch_days(days);
            let mut text = StackText::new();
            text.padded(if civil.year <= 0 { 1 - civil.year } else { civil.year }, 4);
            for part in [civil.month, civil.day] {
                text.push(b'-');
                text.padded(part, 2);
            }
            text.push(b' ');
            push_time(within, None, &mut text);
            if civil.year <= 0 {
                text.push_str(" BC");
            }
            prop_assert_eq!(micros(text.as_str(), Unit::Micros), Some(value));
        }
    }

    #[test]
    fn nanoseconds_have_the_range_of_debezium() {
        // `NanoTimestamp.toEpochNanos` of Debezium 3.6.3 refuses the whole first day.
        assert_eq!(micros("1677-09-21 00:12:44", Unit::Nanos), None);
        assert!(micros("1677-09-22 00:00:00", Unit::Nanos).is_some());
        assert_eq!(
            micros("2262-04-11 23:47:16.854775", Unit::Nanos),
            Some(9_223_372_036_854_775_000)
        );
        assert_eq!(micros("2262-04-11 23:47:16.854776", Unit::Nanos), None);
    }

    #[test]
    fn malformed_times_are_refused() {
        for text in ["24:00:01", "12:60:00", "12:00:60", "1:00:00", "12:00:00.1234567", "12-00"] {
            assert_eq!(scan_time(&mut Scan::new(text.as_bytes())), None, "{text}");
        }
        for text in ["2024-02-30 00:00:00", "24-01-01 00:00:00", "2024-1-01 00:00:00", "2024/01/01"]
        {
            assert_eq!(micros(text, Unit::Micros), None, "{text}");
        }
    }
}
