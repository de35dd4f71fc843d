//! Replies about offsets: committed ones of groups, and those of partitions.
//!
//! These are the large ones (100,000 partitions in a pass are usual), so they are handed to a visitor value by value
//! and nothing is allocated on the way.

use crate::kafka::wire::{Malformed, Wire};

/// What is told while reading OffsetFetch.
pub(crate) trait CommittedVisitor {
    /// A group begins; empty before version 8, where the request names the only one. Its error comes at its end.
    fn group(&mut self, group: &str);
    /// A topic of that group begins.
    fn topic(&mut self, topic: &str);
    /// A partition of that topic: -1 stands for no committed offset.
    fn partition(&mut self, partition: i32, committed: i64, error: i16);
    /// The group ends with an error code of its own, 0 when all is well.
    fn group_error(&mut self, error: i16);
}

/// OffsetFetch, versions 1 to 9.
pub(crate) fn offset_fetch(body: &[u8], version: i16, visitor: &mut dyn CommittedVisitor) -> Result<(), Malformed> {
    let mut wire = Wire::new(body, version >= 6);
    if version >= 3 {
        wire.i32()?; // throttle time
    }
    if version < 8 {
        visitor.group("");
        topics(&mut wire, version, visitor)?;
        let error = if version >= 2 { wire.i16()? } else { 0 };
        visitor.group_error(error);
        return Ok(());
    }
    for _ in 0..wire.array(5)? {
        visitor.group(wire.text()?);
        topics(&mut wire, version, visitor)?;
        let error = wire.i16()?;
        wire.tags()?;
        visitor.group_error(error);
    }
    Ok(())
}

fn topics(wire: &mut Wire<'_>, version: i16, visitor: &mut dyn CommittedVisitor) -> Result<(), Malformed> {
    for _ in 0..wire.array(3)? {
        visitor.topic(wire.text()?);
        for _ in 0..wire.array(14)? {
            let (partition, committed) = (wire.i32()?, wire.i64()?);
            if version >= 5 {
                wire.i32()?; // leader epoch
            }
            wire.nullable_text()?; // the committer's own note
            let error = wire.i16()?;
            wire.tags()?;
            visitor.partition(partition, committed, error);
        }
        wire.tags()?;
    }
    Ok(())
}

/// ListOffsets, versions 1 to 7: tells topic, partition, offset and error code of each.
pub(crate) fn list_offsets(
    body: &[u8],
    version: i16,
    visit: &mut dyn FnMut(&str, i32, i64, i16),
) -> Result<(), Malformed> {
    let mut wire = Wire::new(body, version >= 6);
    if version >= 2 {
        wire.i32()?; // throttle time
    }
    for _ in 0..wire.array(3)? {
        let topic = wire.text()?;
        for _ in 0..wire.array(22)? {
            let (partition, error) = (wire.i32()?, wire.i16()?);
            wire.i64()?; // timestamp
            let offset = wire.i64()?;
            if version >= 4 {
                wire.i32()?; // leader epoch
            }
            wire.tags()?;
            visit(topic, partition, offset, error);
        }
        wire.tags()?;
    }
    Ok(())
}
