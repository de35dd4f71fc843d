//! Replies about consumer groups: their state and how many members they have.

use crate::kafka::wire::{Malformed, Wire};

/// A group's state and the number of its members, or the error in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) group: String,
    pub(crate) error: i16,
    pub(crate) state: String,
    pub(crate) members: u32,
}

/// DescribeGroups, versions 0 to 5.
pub(crate) fn describe_groups(body: &[u8], version: i16) -> Result<Vec<Described>, Malformed> {
    let mut wire = Wire::new(body, version >= 5);
    if version >= 1 {
        wire.i32()?; // throttle time
    }
    let count = wire.array(8)?;
    let mut groups = Vec::with_capacity(count);
    for _ in 0..count {
        let error = wire.i16()?;
        let (group, state) = (wire.text()?.to_owned(), wire.text()?.to_owned());
        wire.nullable_text()?; // protocol type
        wire.nullable_text()?; // protocol
        let members = wire.array(5)?;
        for _ in 0..members {
            wire.text()?; // member id
            if version >= 4 {
                wire.nullable_text()?; // group instance id
            }
            wire.nullable_text()?; // client id
            wire.nullable_text()?; // client host
            wire.bytes()?; // subscription
            wire.bytes()?; // assignment
            wire.tags()?;
        }
        if version >= 3 {
            wire.i32()?; // authorized operations
        }
        wire.tags()?;
        groups.push(Described { group, error, state, members: u32::try_from(members).unwrap_or(u32::MAX) });
    }
    Ok(groups)
}

/// ConsumerGroupDescribe, versions 0 and 1: groups of the newer protocol (KIP-848).
pub(crate) fn consumer_group_describe(body: &[u8], version: i16) -> Result<Vec<Described>, Malformed> {
    let mut wire = Wire::new(body, true);
    wire.i32()?; // throttle time
    let count = wire.array(19)?;
    let mut groups = Vec::with_capacity(count);
    for _ in 0..count {
        let error = wire.i16()?;
        wire.nullable_text()?; // error message
        let (group, state) = (wire.text()?.to_owned(), wire.text()?.to_owned());
        wire.i32()?; // group epoch
        wire.i32()?; // assignment epoch
        wire.nullable_text()?; // assignor
        let members = wire.array(10)?;
        for _ in 0..members {
            consumer_member(&mut wire, version)?;
        }
        wire.i32()?; // authorized operations
        wire.tags()?;
        groups.push(Described { group, error, state, members: u32::try_from(members).unwrap_or(u32::MAX) });
    }
    Ok(groups)
}

fn consumer_member(wire: &mut Wire<'_>, version: i16) -> Result<(), Malformed> {
    wire.text()?; // member id
    wire.nullable_text()?; // instance id
    wire.nullable_text()?; // rack
    wire.i32()?; // member epoch
    wire.nullable_text()?; // client id
    wire.nullable_text()?; // client host
    for _ in 0..wire.array(1)? {
        wire.nullable_text()?; // subscribed topic
    }
    wire.nullable_text()?; // subscribed pattern
    for _ in 0..2 {
        // the assignment, and the one to come
        for _ in 0..wire.array(16)? {
            wire.take(16)?; // topic id
            wire.nullable_text()?; // topic
            wire.skip_numbers()?;
            wire.tags()?;
        }
        wire.tags()?;
    }
    if version >= 1 {
        wire.i8()?; // member type
    }
    wire.tags()
}

/// A group that a broker coordinates. `kind` is known from version 5 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) group: String,
    pub(crate) protocol_type: String,
    pub(crate) kind: Option<String>,
}

/// ListGroups, versions 0 to 5: the error code and the groups.
pub(crate) fn list_groups(body: &[u8], version: i16) -> Result<(i16, Vec<Listed>), Malformed> {
    let mut wire = Wire::new(body, version >= 3);
    if version >= 1 {
        wire.i32()?; // throttle time
    }
    let error = wire.i16()?;
    let count = wire.array(2)?;
    let mut groups = Vec::with_capacity(count);
    for _ in 0..count {
        let group = wire.text()?.to_owned();
        let protocol_type = wire.nullable_text()?.unwrap_or_default().to_owned();
        if version >= 4 {
            wire.nullable_text()?; // state
        }
        let kind = if version >= 5 { wire.nullable_text()?.map(str::to_owned) } else { None };
        wire.tags()?;
        groups.push(Listed { group, protocol_type, kind });
    }
    Ok((error, groups))
}
