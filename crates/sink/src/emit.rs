//! [`Emit`]: the visitor through which every value reaches a converter.
//!
//! A [`Plan`](crate::plan) drives raw cells into it on the compiled path; a [`Value`](crate::data::Value) drives
//! itself on the general one. A converter is one implementation, compiled against a schema; calls are static.
//!
//! The caller promises to follow the schema: `field(i)` before each field of a struct, in order, and so on.
//! What a converter cannot write (a null where the schema has neither optional nor default) it remembers and
//! reports when it is finished, so that the hot path has no result to check per field.

use crate::data::Decimal;

/// Receives one value, part by part.
pub trait Emit {
    /// No value here. The converter decides what that looks like (Connect's JSON puts the schema's default).
    fn null(&mut self);
    /// BOOLEAN.
    fn boolean(&mut self, value: bool);
    /// INT8.
    fn int8(&mut self, value: i8);
    /// INT16.
    fn int16(&mut self, value: i16);
    /// INT32.
    fn int32(&mut self, value: i32);
    /// INT64.
    fn int64(&mut self, value: i64);
    /// FLOAT32.
    fn float32(&mut self, value: f32);
    /// FLOAT64.
    fn float64(&mut self, value: f64);
    /// STRING.
    fn string(&mut self, value: &str);
    /// BYTES.
    fn bytes(&mut self, value: &[u8]);
    /// BYTES of the logical type Decimal.
    fn decimal(&mut self, value: &Decimal);
    /// A struct begins; its fields follow, each announced by [`Self::field`].
    fn begin_struct(&mut self);
    /// The field with that index in the struct's schema follows.
    fn field(&mut self, index: usize);
    /// The struct is complete.
    fn end_struct(&mut self);
    /// An array of `len` items begins; each is announced by [`Self::item`].
    fn begin_array(&mut self, len: usize);
    /// An item follows.
    fn item(&mut self);
    /// The array is complete.
    fn end_array(&mut self);
    /// A map of `len` entries begins; each key and value is announced.
    fn begin_map(&mut self, len: usize);
    /// An entry's key follows.
    fn map_key(&mut self);
    /// Its value follows.
    fn map_value(&mut self);
    /// The map is complete.
    fn end_map(&mut self);
}

/// Notices only whether there is a value.
#[derive(Debug, Default)]
pub struct Presence {
    present: bool,
}

impl Presence {
    /// Whether there was one.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        self.present
    }
}

impl Emit for Presence {
    fn null(&mut self) {}
    fn boolean(&mut self, _value: bool) {
        self.present = true;
    }
    fn int8(&mut self, _value: i8) {
        self.present = true;
    }
    fn int16(&mut self, _value: i16) {
        self.present = true;
    }
    fn int32(&mut self, _value: i32) {
        self.present = true;
    }
    fn int64(&mut self, _value: i64) {
        self.present = true;
    }
    fn float32(&mut self, _value: f32) {
        self.present = true;
    }
    fn float64(&mut self, _value: f64) {
        self.present = true;
    }
    fn string(&mut self, _value: &str) {
        self.present = true;
    }
    fn bytes(&mut self, _value: &[u8]) {
        self.present = true;
    }
    fn decimal(&mut self, _value: &Decimal) {
        self.present = true;
    }
    fn begin_struct(&mut self) {
        self.present = true;
    }
    fn field(&mut self, _index: usize) {}
    fn end_struct(&mut self) {}
    fn begin_array(&mut self, _len: usize) {
        self.present = true;
    }
    fn item(&mut self) {}
    fn end_array(&mut self) {}
    fn begin_map(&mut self, _len: usize) {
        self.present = true;
    }
    fn map_key(&mut self) {}
    fn map_value(&mut self) {}
    fn end_map(&mut self) {}
}
