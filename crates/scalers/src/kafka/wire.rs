//! Reading Kafka's wire format from bytes that nobody vouches for.
//!
//! Every length is checked against what is there before anything is allocated, so a broken or hostile peer costs an
//! error and neither memory nor a panic. Requests, which are ours, are encoded by `kafka-protocol`.

/// Why bytes could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// The bytes end inside of a value.
    #[error("the reply ends early")]
    Short,
    /// A length is negative where it may not be, or a number is too long.
    #[error("the reply holds an impossible length")]
    Length,
    /// A text is not UTF-8.
    #[error("the reply holds a text that is not UTF-8")]
    Text,
    /// A value that must be there is null.
    #[error("the reply lacks a value that must be there")]
    Null,
}

/// The rest of a reply. `flexible` versions of a message use compact lengths and tagged fields (KIP-482).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire<'a> {
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Wire<'a> {
    pub(crate) fn new(bytes: &'a [u8], flexible: bool) -> Self {
        Wire { rest: bytes, flexible }
    }

    /// How many bytes are left.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(head)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, Malformed> {
        self.fixed().map(i8::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Malformed> {
        self.fixed().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        self.fixed().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        self.fixed().map(i64::from_be_bytes)
    }

    /// An unsigned number of at most 32 bits in groups of seven, the lowest first.
    fn varint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.fixed()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(Malformed::Length);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Length)
    }

    /// A length in compact form, where 0 means null.
    fn compact_length(&mut self) -> Result<Option<usize>, Malformed> {
        Ok((self.varint()? as usize).checked_sub(1))
    }

    fn length(number: i32) -> Result<Option<usize>, Malformed> {
        match number {
            -1 => Ok(None),
            _ => usize::try_from(number).map(Some).map_err(|_| Malformed::Length),
        }
    }

    /// A text, or null.
    pub(crate) fn nullable_text(&mut self) -> Result<Option<&'a str>, Malformed> {
        let length = if self.flexible { self.compact_length()? } else { Self::length(i32::from(self.i16()?))? };
        let Some(length) = length else { return Ok(None) };
        std::str::from_utf8(self.take(length)?).map(Some).map_err(|_| Malformed::Text)
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        self.nullable_text()?.ok_or(Malformed::Null)
    }

    /// Bytes; null counts as none.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = if self.flexible { self.compact_length()? } else { Self::length(self.i32()?)? };
        self.take(length.unwrap_or(0))
    }

    /// The length of an array; null counts as empty. Each element takes at least `least` bytes, so a length that cannot
    /// fit is refused before anything is allocated for it.
    pub(crate) fn array(&mut self, least: usize) -> Result<usize, Malformed> {
        let length = if self.flexible { self.compact_length()? } else { Self::length(self.i32()?)? };
        let length = length.unwrap_or(0);
        if length.saturating_mul(least.max(1)) > self.rest.len() {
            return Err(Malformed::Short);
        }
        Ok(length)
    }

    /// Skips the tagged fields that end each structure of a flexible version.
    pub(crate) fn tags(&mut self) -> Result<(), Malformed> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()? as usize;
            self.take(length)?;
        }
        Ok(())
    }

    /// Skips an array of 32-bit numbers.
    pub(crate) fn skip_numbers(&mut self) -> Result<(), Malformed> {
        let count = self.array(4)?;
        self.take(count.saturating_mul(4)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_length_beyond_the_bytes_is_refused_before_allocating() {
        let mut wire = Wire::new(&[0x7f, 0xff, 0xff, 0xff], false);
        assert_eq!(wire.array(8), Err(Malformed::Short));
        let mut wire = Wire::new(&[0xff, 0xff, 0xff, 0xff, 0x0f], true);
        assert_eq!(wire.array(8), Err(Malformed::Short));
        let mut wire = Wire::new(&[0xff, 0xff, 0xff, 0xff, 0x1f], true);
        assert_eq!(wire.array(8), Err(Malformed::Length));
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, flexible: bool) {
            let mut wire = Wire::new(&bytes, flexible);
            while wire.remaining() > 0 {
                let before = wire.remaining();
                let _ = (wire.nullable_text(), wire.bytes(), wire.tags(), wire.i8());
                prop_assert!(wire.remaining() < before);
            }
        }
    }
}
