//! The decimal digits that Java before 19 gives a floating-point number (`jdk.internal.math.FloatingDecimal`).
//!
//! They are not always the shortest that read back: `Float.MIN_NORMAL` is `1.17549435E-38`, while the shortest, and
//! Java's answer since 19, is `1.1754944E-38`. Topics that were begun by a worker on Java 17 go on in its digits. The
//! method is Steele and White's: long division of the exact value, digit by digit, until what is left is less than half
//! the distance to the neighbouring number; its quirks (stop conditions that differ by size, rounding of large whole
//! numbers) are part of the result and are kept.

use std::cmp::Ordering;

use num_bigint::BigUint;

/// Digits of the significand after its highest bit, in the form that all numbers are brought to here.
const SHIFT: i32 = 52;

/// Bits of 5^n. Above, Java estimates three a power.
const FIVE_BITS: [i32; 27] = [
    0, 3, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28, 31, 33, 35, 38, 40, 42, 45, 47, 49, 52, 54, 56,
    59, 61,
];

/// A number's digits: its value is `0.d1d2… × 10^point`.
#[derive(Debug)]
pub(super) struct Digits {
    /// More than any number gets: 19 is the most that a 64-bit integer has.
    buffer: [u8; 24],
    len: usize,
    pub(super) point: i32,
}

impl Digits {
    const fn new(point: i32) -> Self {
        Self { buffer: [0; 24], len: 0, point }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, quotient: i64) {
        if let (Some(slot), Ok(value)) = (self.buffer.get_mut(self.len), u8::try_from(quotient)) {
            *slot = b'0' + value;
            self.len += 1;
        }
    }

    /// The first digit, unless the estimate was one too high.
    fn lead(&mut self, quotient: i64, high: bool) {
        if quotient == 0 && !high {
            self.point -= 1;
        } else {
            self.push(quotient);
        }
    }

    /// In scientific form there is at least one digit after the point, so the first may not end it.
    const fn wants_more(&self) -> bool {
        self.point - 1 < -3 || self.point - 1 >= 8
    }

    /// Rounds the last digit by what is left, as the two stop conditions say.
    fn round(&mut self, low: bool, high: bool, half: Ordering) {
        let digits = self.buffer.get_mut(..self.len).unwrap_or_default();
        let odd = digits.last().is_some_and(|d| d & 1 == 1);
        if !high || low && (half.is_lt() || half.is_eq() && !odd) {
            return;
        }
        for digit in digits.iter_mut().rev() {
            if *digit != b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        if let Some(first) = digits.first_mut() {
            *first = b'1';
            self.point += 1;
        }
    }
}

/// Of a positive, finite double.
pub(super) fn of_f64(value: f64) -> Digits {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let exponent = i32::try_from(bits >> 52 & 0x7FF).unwrap_or(0);
    let (fraction, exponent, significant) = if exponent == 0 {
        let zeros = i32::try_from(fraction.leading_zeros()).unwrap_or(0);
        (fraction << (zeros - 11), 1 - (zeros - 11), 64 - zeros)
    } else {
        (fraction | 1 << 52, exponent, 53)
    };
    digits(fraction, exponent - 1023, significant)
}

/// Of a positive, finite float.
pub(super) fn of_f32(value: f32) -> Digits {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 23) - 1);
    let exponent = i32::try_from(bits >> 23 & 0xFF).unwrap_or(0);
    let (fraction, exponent, significant) = if exponent == 0 {
        let zeros = i32::try_from(fraction.leading_zeros()).unwrap_or(0);
        (fraction << (zeros - 8), 1 - (zeros - 8), 32 - zeros)
    } else {
        (fraction | 1 << 23, exponent, 24)
    };
    digits(u64::from(fraction) << 29, exponent - 127, significant)
}

/// `fraction` has 53 bits, the highest set; `significant` of them carry information.
fn digits(fraction: u64, exponent: i32, significant: i32) -> Digits {
    let tail_zeros = i32::try_from(fraction.trailing_zeros()).unwrap_or(0);
    let fraction_bits = SHIFT + 1 - tail_zeros;
    // Bits to the right of the point.
    let tiny_bits = (fraction_bits - exponent - 1).max(0);
    if tiny_bits == 0 && exponent <= 62 {
        return whole(fraction, exponent, significant);
    }
    let estimate = estimate_exponent(fraction, exponent);
    let b5 = (-estimate).max(0);
    let s5 = estimate.max(0);
    let mut b2 = b5 + tiny_bits + exponent;
    let mut s2 = s5 + tiny_bits;
    let mut m2 = b2 - significant;
    b2 -= fraction_bits - 1;
    let common = b2.min(s2);
    b2 -= common;
    s2 -= common;
    m2 -= common;
    // Below a power of two the neighbour is only half as far away.
    if fraction_bits == 1 {
        m2 -= 1;
    }
    if m2 < 0 {
        b2 -= m2;
        s2 -= m2;
        m2 = 0;
    }
    let bits = |power: i32| {
        let known = usize::try_from(power).ok().and_then(|p| FIVE_BITS.get(p));
        known.copied().unwrap_or(power * 3)
    };
    let b_bits = fraction_bits + b2 + bits(b5);
    let tens_bits = s2 + 1 + bits(s5 + 1);
    let scaled = Scaled { fraction: fraction >> tail_zeros, b5, b2, s5, s2, m2 };
    if b_bits < 32 && tens_bits < 32 {
        scaled.divide_small(estimate, true)
    } else if b_bits < 64 && tens_bits < 64 {
        scaled.divide_small(estimate, false)
    } else {
        scaled.divide_big(estimate)
    }
}

/// A whole number below 2^63. Beyond the significant bits its digits are rounded away.
fn whole(fraction: u64, exponent: i32, significant: i32) -> Digits {
    let mut value = if exponent >= SHIFT {
        fraction << (exponent - SHIFT)
    } else {
        fraction >> (SHIFT - exponent)
    };
    let mut point = 0;
    let excess = exponent - significant - 1;
    if excess > 1 {
        // floor(excess × log10 2)
        let dropped = u32::try_from(excess * 30_103 / 100_000).unwrap_or(0);
        let power = 10_u64.pow(dropped);
        let rest = value % power;
        value /= power;
        if dropped > 0 && rest >= power >> 1 {
            value += 1;
        }
        point = i32::try_from(dropped).unwrap_or(0);
    }
    let mut text = itoa::Buffer::new();
    let text = text.format(value).as_bytes();
    let mut digits = Digits::new(point + i32::try_from(text.len()).unwrap_or(0));
    let zeros = text.iter().rev().take_while(|d| **d == b'0').count();
    for digit in text.iter().take(text.len() - zeros) {
        digits.push(i64::from(digit - b'0'));
    }
    digits
}

/// An estimate of the decimal exponent that is right or one too high, from the logarithm's tangent.
fn estimate_exponent(fraction: u64, exponent: i32) -> i32 {
    let mantissa = f64::from_bits(1023 << 52 | fraction & ((1 << 52) - 1));
    let estimate = (mantissa - 1.5) * 0.289_529_654
        + 0.176_091_259
        + f64::from(exponent) * 0.301_029_995_663_981;
    #[expect(clippy::cast_possible_truncation, reason = "between -330 and 310")]
    let floor = estimate.floor() as i32;
    floor
}

/// The value is B/S × 10^estimate, half the distance to its neighbour M/S, each as powers of two and five.
struct Scaled {
    fraction: u64,
    b5: i32,
    b2: i32,
    s5: i32,
    s2: i32,
    m2: i32,
}

impl Scaled {
    /// In machine words: Java's `int` where `narrow`, else `long`, overflow included.
    fn divide_small(&self, estimate: i32, narrow: bool) -> Digits {
        let wrap = |value: i64| {
            #[expect(clippy::cast_possible_truncation, reason = "what Java's int does")]
            let low = value as i32;
            if narrow { i64::from(low) } else { value }
        };
        let five = |power: i32| 5_i64.wrapping_pow(u32::try_from(power).unwrap_or(0));
        let mut b = self.fraction.cast_signed().wrapping_mul(five(self.b5)) << self.b2;
        let s = five(self.s5) << self.s2;
        let mut m = five(self.b5) << self.m2;
        let tens = s * 10;
        let mut digits = Digits::new(estimate + 1);
        let mut q = b / s;
        b = 10 * (b % s);
        m = wrap(m.wrapping_mul(10));
        let (mut low, mut high) = (b < m, wrap(b.wrapping_add(m)) > tens);
        digits.lead(q, high);
        if digits.wants_more() {
            (low, high) = (false, false);
        }
        while !low && !high {
            q = b / s;
            b = 10 * (b % s);
            m = wrap(m.wrapping_mul(10));
            (low, high) =
                if m > 0 { (b < m, wrap(b.wrapping_add(m)) > tens) } else { (true, true) };
            digits.push(q);
        }
        digits.round(low, high, (b << 1).cmp(&tens));
        digits
    }

    fn divide_big(&self, estimate: i32) -> Digits {
        let power = |fives: i32, twos: i32| {
            BigUint::from(5_u8).pow(u32::try_from(fives).unwrap_or(0))
                << u32::try_from(twos).unwrap_or(0)
        };
        let small = |q: BigUint| i64::try_from(q).unwrap_or(0);
        let mut b = power(self.b5, self.b2) * self.fraction;
        let s = power(self.s5, self.s2);
        let mut m = power(self.b5, self.m2) * 10_u8;
        let tens = &s * 10_u8;
        let mut digits = Digits::new(estimate + 1);
        let mut q = small(&b / &s);
        b = (b % &s) * 10_u8;
        let (mut low, mut high) = (b < m, &b + &m >= tens);
        digits.lead(q, high);
        if digits.wants_more() {
            (low, high) = (false, false);
        }
        while !low && !high {
            q = small(&b / &s);
            b = (b % &s) * 10_u8;
            m *= 10_u8;
            (low, high) = (b < m, &b + &m >= tens);
            digits.push(q);
        }
        let twice = &b << 1_u8;
        digits.round(low, high, twice.cmp(&tens));
        digits
    }
}
