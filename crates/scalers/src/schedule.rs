//! Cron expressions of five fields, as KEDA's manifests have them: which text is an expression, and when it comes next.
//!
//! The rules are those of the parser that KEDA uses: minute, hour, day of month, month, day of week; `*` and `?` alike;
//! lists, ranges, steps, English names of months and days; Sunday is 0 only; a prefix `TZ=Zone ` or `CRON_TZ=Zone `. When
//! the day of month or the day of week holds a plain star both must match, otherwise one is enough.
//!
//! A local time that the clock skips does not happen that day; one that the clock repeats happens twice.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// Years after the present one in which an occurrence is looked for, as KEDA does.
const HORIZON_YEARS: i16 = 5;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
    zone: Option<String>,
}

/// The values of one field, as bits, and whether a plain star was among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    bits: u64,
    star: bool,
}

impl Field {
    fn has(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.bits >> value & 1 == 1)
    }
}

struct Bounds {
    what: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const BOUNDS: [Bounds; 5] = [
    Bounds { what: "minute", min: 0, max: 59, names: &[] },
    Bounds { what: "hour", min: 0, max: 23, names: &[] },
    Bounds { what: "day of month", min: 1, max: 31, names: &[] },
    Bounds { what: "month", min: 1, max: 12, names: MONTHS },
    Bounds { what: "day of week", min: 0, max: 6, names: WEEKDAYS },
];

impl Schedule {
    /// Understands an expression.
    ///
    /// # Errors
    /// What was expected instead, with the field at fault.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (zone, text) = match text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            None => (None, text),
            Some(rest) => {
                let (zone, rest) = rest.split_once(' ').ok_or("an expression after the time zone")?;
                (Some(zone.to_owned()), rest)
            }
        };
        if text.trim_start().starts_with('@') {
            return Err("five fields: minute hour day-of-month month day-of-week; words as @daily are not known".into());
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        let parts: [&str; 5] = parts.try_into().map_err(|parts: Vec<_>| {
            let count = parts.len();
            format!("five fields (minute hour day-of-month month day-of-week) where there are {count}")
        })?;
        let mut fields = [Field { bits: 0, star: false }; 5];
        for ((field, part), bounds) in fields.iter_mut().zip(parts).zip(&BOUNDS) {
            *field = parse_field(part, bounds).map_err(|expected| format!("in the {}, {expected}", bounds.what))?;
        }
        let [minutes, hours, days, months, weekdays] = fields;
        Ok(Schedule { minutes, hours, days, months, weekdays, zone })
    }

    /// The zone that the expression itself names.
    pub(crate) fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// The first occurrence strictly after `now`; `None` when there is none until the end of the fifth year from now.
    pub(crate) fn next(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = zone.to_datetime(now).date();
        let mut date = today;
        loop {
            if date.year() > today.year().saturating_add(HORIZON_YEARS) {
                return None;
            }
            if !self.months.has(date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.day_matches(date)
                && let Some(first) = self.first_on(date, now, zone)
            {
                return Some(first);
            }
            date = date.tomorrow().ok()?;
        }
    }

    fn day_matches(&self, date: Date) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().to_sunday_zero_offset());
        if self.days.star || self.weekdays.star { day && weekday } else { day || weekday }
    }

    /// The earliest instant after `now` at which the clock of the zone shows a matching time on this date.
    fn first_on(&self, date: Date, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut first: Option<Timestamp> = None;
        for hour in (0..24).filter(|&hour| self.hours.has(hour)) {
            for minute in (0..60).filter(|&minute| self.minutes.has(minute)) {
                let local = date.to_datetime(Time::constant(hour, minute, 0, 0));
                let (one, other) = match zone.to_ambiguous_timestamp(local).offset() {
                    AmbiguousOffset::Unambiguous { offset } => (offset.to_timestamp(local).ok(), None),
                    AmbiguousOffset::Gap { .. } => (None, None),
                    AmbiguousOffset::Fold { before, after } => {
                        (before.to_timestamp(local).ok(), after.to_timestamp(local).ok())
                    }
                };
                let soonest = [one, other].into_iter().flatten().filter(|&instant| instant > now).min();
                first = [first, soonest].into_iter().flatten().min();
                // Later local times can come sooner only within the hours that the clock repeats.
                if let (Some(first), Some(this)) = (first, soonest)
                    && this > first.saturating_add(3.hours()).unwrap_or(first)
                {
                    return Some(first);
                }
            }
        }
        first
    }
}

fn parse_field(text: &str, bounds: &Bounds) -> Result<Field, String> {
    let mut field = Field { bits: 0, star: false };
    // KEDA's parser drops empty pieces, so "1,,2" is 1 and 2.
    for piece in text.split(',').filter(|piece| !piece.is_empty()) {
        let part = parse_piece(piece, bounds)?;
        field = Field { bits: field.bits | part.bits, star: field.star || part.star };
    }
    if field.bits == 0 {
        return Err(format!("at least one value where \"{text}\" has none"));
    }
    Ok(field)
}

/// `*`, `a`, `a-b`, each with `/n` or without.
fn parse_piece(piece: &str, bounds: &Bounds) -> Result<Field, String> {
    let (range, step) = match piece.split_once('/') {
        None => (piece, None),
        Some((range, step)) => {
            let step = step.parse().ok().filter(|&step: &u32| step > 0);
            (range, Some(step.ok_or_else(|| format!("a step from 1 on after the / of \"{piece}\""))?))
        }
    };
    let (first, last, star) = match range.split_once('-') {
        None if range == "*" || range == "?" => (bounds.min, bounds.max, true),
        None => {
            let first = parse_number(range, bounds)?;
            (first, if step.is_some() { bounds.max } else { first }, false)
        }
        Some((first, last)) => (parse_number(first, bounds)?, parse_number(last, bounds)?, false),
    };
    let Bounds { min, max, .. } = *bounds;
    if first < min || last > max {
        let hint = if bounds.what == "day of week" && last == 7 { " (Sunday is 0)" } else { "" };
        return Err(format!("values from {min} to {max}{hint} where \"{piece}\" goes beyond"));
    }
    if first > last {
        return Err(format!("a range that does not wrap where \"{piece}\" begins after its end; write two ranges"));
    }
    let step = step.unwrap_or(1);
    let bits = (first..=last).step_by(step as usize).fold(0, |bits, value| bits | 1_u64 << value);
    Ok(Field { bits, star: star && step == 1 })
}

fn parse_number(text: &str, bounds: &Bounds) -> Result<u32, String> {
    let name = text.to_lowercase();
    let named = bounds.names.iter().position(|&known| !known.is_empty() && known == name);
    let number = named.and_then(|index| u32::try_from(index).ok()).or_else(|| text.parse().ok());
    number.ok_or_else(|| {
        let names = if bounds.names.is_empty() { "" } else { " or a name as " };
        format!("a number{names}{} where \"{text}\" is", bounds.names.last().unwrap_or(&""))
    })
}

#[cfg(test)]
mod tests;
