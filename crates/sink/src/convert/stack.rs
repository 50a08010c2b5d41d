//! Short text built without allocation.

/// Up to 96 ASCII bytes: enough for every timestamp of Postgres and for an interval of any i32 parts.
#[derive(Debug)]
pub(super) struct StackText {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl StackText {
    const CAPACITY: usize = 96;

    pub(super) const fn new() -> Self {
        Self { bytes: [0; Self::CAPACITY], len: 0 }
    }

    /// Appends an ASCII byte; what does not fit is dropped, which no caller's text comes near to.
    pub(super) fn push(&mut self, byte: u8) {
        debug_assert!(self.len < Self::CAPACITY, "text longer than any value's");
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    pub(super) fn push_str(&mut self, text: &str) {
        debug_assert!(self.len + text.len() <= Self::CAPACITY, "text longer than any value's");
        let rest = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (slot, byte) in rest.iter_mut().zip(text.bytes()) {
            *slot = byte;
        }
        self.len = (self.len + text.len()).min(Self::CAPACITY);
    }

    /// Appends a number in decimal.
    pub(super) fn number(&mut self, value: i64) {
        self.push_str(itoa::Buffer::new().format(value));
    }

    /// Appends a number that is not negative, filled with zeros to `width`.
    pub(super) fn padded(&mut self, value: i64, width: usize) {
        if let (2, Ok(value @ 0..100)) = (width, u8::try_from(value)) {
            self.push(b'0' + value / 10);
            self.push(b'0' + value % 10);
            return;
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value);
        for _ in digits.len()..width {
            self.push(b'0');
        }
        self.push_str(digits);
    }

    /// Removes zeros at the end.
    pub(super) fn trim_zeros(&mut self) {
        while self.as_bytes().last() == Some(&b'0') {
            self.len -= 1;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}
