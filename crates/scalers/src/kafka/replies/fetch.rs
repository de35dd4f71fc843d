//! The tail of a partition's log, reduced to how many records a read-committed consumer receives from it.
//!
//! Only the headers of record batches are read (and the few bytes of control records): nothing is decompressed and no
//! record is looked at.

use crate::kafka::wire::{Malformed, Wire};

/// A stretch of offsets and how many records in it a read-committed consumer receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The first offset.
    pub(crate) base: i64,
    /// The offset after the last one.
    pub(crate) next: i64,
    /// Records that are neither transaction markers nor part of an aborted transaction.
    pub(crate) visible: i64,
    /// Whether it is part of a transaction, or the marker of one.
    pub(crate) transactional: bool,
}

/// What one partition of a Fetch reply holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) partition: i32,
    pub(crate) error: i16,
    pub(crate) stretches: Vec<Stretch>,
}

/// Fetch, versions 4 to 12: tells the topic and each of its partitions.
pub(crate) fn fetch(body: &[u8], version: i16, visit: &mut dyn FnMut(&str, Fetched)) -> Result<i16, Malformed> {
    let mut wire = Wire::new(body, version >= 12);
    wire.i32()?; // throttle time
    let error = if version >= 7 { wire.i16()? } else { 0 };
    if version >= 7 {
        wire.i32()?; // session id
    }
    for _ in 0..wire.array(3)? {
        let topic = wire.text()?;
        for _ in 0..wire.array(24)? {
            let fetched = partition(&mut wire, version)?;
            visit(topic, fetched);
        }
        wire.tags()?;
    }
    Ok(error)
}

fn partition(wire: &mut Wire<'_>, version: i16) -> Result<Fetched, Malformed> {
    let (partition, error) = (wire.i32()?, wire.i16()?);
    wire.i64()?; // high watermark
    wire.i64()?; // last stable offset
    if version >= 5 {
        wire.i64()?; // log start
    }
    let count = wire.array(16)?;
    let mut aborted = Vec::with_capacity(count);
    for _ in 0..count {
        aborted.push(Aborted { producer: wire.i64()?, first: wire.i64()? });
        wire.tags()?;
    }
    if version >= 11 {
        wire.i32()?; // preferred read replica
    }
    let records = wire.bytes()?;
    wire.tags()?;
    Ok(Fetched { partition, error, stretches: stretches(records, aborted) })
}

/// An aborted transaction: its producer, and the first offset it wrote.
#[derive(Clone, Copy, Debug)]
struct Aborted {
    producer: i64,
    first: i64,
}

/// The header of a record batch of format 2, and what follows it.
struct Batch<'a> {
    base: i64,
    magic: i8,
    attributes: i16,
    last_delta: i32,
    producer: i64,
    count: i32,
    records: &'a [u8],
}

const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// Walks over batches as a read-committed consumer does: a batch of a producer whose transaction was aborted is left
/// out from that transaction's first offset to its abort marker. Ends at the first batch that is cut off or unknown.
fn stretches(records: &[u8], mut aborted: Vec<Aborted>) -> Vec<Stretch> {
    aborted.sort_by_key(|transaction| transaction.first);
    let mut coming = aborted.into_iter().peekable();
    let mut open: Vec<i64> = Vec::new();
    let mut found = Vec::new();
    let mut wire = Wire::new(records, false);
    while let Ok(batch) = next_batch(&mut wire) {
        let last = batch.base.saturating_add(i64::from(batch.last_delta.max(0)));
        while let Some(transaction) = coming.next_if(|transaction| transaction.first <= last) {
            open.push(transaction.producer);
        }
        let transactional = batch.attributes & TRANSACTIONAL != 0;
        let control = batch.attributes & CONTROL != 0;
        let visible = if control {
            if is_abort(batch.records) {
                open.retain(|producer| *producer != batch.producer);
            }
            0
        } else if transactional && open.contains(&batch.producer) {
            0
        } else if batch.magic >= 2 {
            i64::from(batch.count.max(0))
        } else {
            last.saturating_sub(batch.base).saturating_add(1)
        };
        let next = last.saturating_add(1);
        found.push(Stretch { base: batch.base, next, visible, transactional: transactional || control });
    }
    found
}

fn next_batch<'a>(wire: &mut Wire<'a>) -> Result<Batch<'a>, Malformed> {
    let (base, length) = (wire.i64()?, wire.i32()?);
    let length = usize::try_from(length).map_err(|_| Malformed::Length)?;
    // The last batch may be cut off by the size limit; its header is enough.
    let mut body = Wire::new(wire.take(length.min(wire.remaining()))?, false);
    body.i32()?; // leader epoch, or the checksum of older formats
    let magic = body.i8()?;
    if magic < 2 {
        // Formats 0 and 1 know no transactions: one entry, which ends at `base`.
        return Ok(Batch { base, magic, attributes: 0, last_delta: 0, producer: -1, count: 1, records: &[] });
    }
    body.i32()?; // checksum
    let (attributes, last_delta) = (body.i16()?, body.i32()?);
    body.take(16)?; // first and last time
    let producer = body.i64()?;
    body.take(6)?; // producer epoch, first sequence
    let count = body.i32()?;
    let records = body.take(body.remaining())?;
    Ok(Batch { base, magic, attributes, last_delta, producer, count, records })
}

/// Whether a control batch's record says that its transaction was aborted.
fn is_abort(records: &[u8]) -> bool {
    control_type(records).is_ok_and(|kind| kind == 0)
}

fn control_type(records: &[u8]) -> Result<i16, Malformed> {
    let mut wire = Wire::new(records, false);
    skip_varint(&mut wire)?; // length
    wire.i8()?; // attributes
    skip_varint(&mut wire)?; // time
    skip_varint(&mut wire)?; // offset
    skip_varint(&mut wire)?; // length of the key
    wire.i16()?; // version of the key
    wire.i16()
}

fn skip_varint(wire: &mut Wire<'_>) -> Result<(), Malformed> {
    for _ in 0..10 {
        if wire.i8()? >= 0 {
            return Ok(());
        }
    }
    Err(Malformed::Length)
}
