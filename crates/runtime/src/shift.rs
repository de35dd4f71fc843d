//! Moves what is remembered along with a clock that jumped, so that every age stays what it was.

use std::time::Duration;

use tidegate_engine::{SavedState, Timestamp};

/// `at`, moved by so many milliseconds.
pub(crate) fn moved(at: Timestamp, shift: i64) -> Timestamp {
    let span = Duration::from_millis(shift.unsigned_abs());
    if shift < 0 { at - span } else { at + span }
}

/// `state` with all its times moved.
pub(crate) fn moved_state(mut state: SavedState, shift: i64) -> SavedState {
    state.last_active = state.last_active.map(|at| moved(at, shift));
    for recommendation in &mut state.recommendations {
        recommendation.at = moved(recommendation.at, shift);
    }
    for event in &mut state.scaled {
        event.at = moved(event.at, shift);
    }
    state
}
