//! A topic's partitions and the consumer group that shares them.

use std::time::Duration;

/// What the group and its topic are like.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Partitions of the topic; more members than that are idle.
    pub partitions: u32,
    /// How unevenly records fall on partitions: 0 is evenly; with 1 partition i gets a share of 1 / (i + 1).
    pub skew: f64,
    /// Records a second that one member can process.
    pub rate: f64,
    /// How long nobody consumes after members came or went.
    pub rebalance: Duration,
}

/// The state of a group: how much waits in each partition.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    group: Group,
    shares: Vec<f64>,
    lags: Vec<f64>,
    members: u32,
    pause: Duration,
    produced: f64,
    consumed: f64,
    rebalances: u32,
}

impl Queue {
    pub(crate) fn new(group: &Group) -> Self {
        let weights: Vec<f64> =
            (0..group.partitions).map(|partition| f64::from(partition + 1).powf(-group.skew)).collect();
        let all: f64 = weights.iter().sum();
        Queue {
            group: group.clone(),
            shares: weights.iter().map(|weight| weight / all).collect(),
            lags: vec![0.0; weights.len()],
            members: 0,
            pause: Duration::ZERO,
            produced: 0.0,
            consumed: 0.0,
            rebalances: 0,
        }
    }

    /// Sets how many members run; a change makes the group rebalance.
    pub(crate) fn set_members(&mut self, members: u32) {
        if members != self.members {
            self.members = members;
            self.rebalances += 1;
            self.pause = self.group.rebalance;
        }
    }

    /// Lets `arriving` records a second come in for `span`, and the members work.
    pub(crate) fn advance(&mut self, span: Duration, arriving: f64) {
        let records = arriving * span.as_secs_f64();
        self.produced += records;
        for (lag, share) in self.lags.iter_mut().zip(&self.shares) {
            *lag += records * share;
        }
        let working = span.saturating_sub(self.pause);
        self.pause = self.pause.saturating_sub(span);
        self.consume(self.group.rate * working.as_secs_f64());
    }

    /// Each member takes up to `each` records, from its own partitions: i, i + members, i + 2 × members, ...
    fn consume(&mut self, each: f64) {
        let members = self.members as usize;
        for member in 0..members.min(self.lags.len()) {
            let mut left = each;
            for lag in self.lags.iter_mut().skip(member).step_by(members) {
                let taken = lag.min(left);
                *lag -= taken;
                left -= taken;
                self.consumed += taken;
            }
        }
    }

    /// Whole records waiting.
    pub(crate) fn lag(&self) -> f64 {
        self.lags.iter().map(|lag| (lag + 1e-9).floor()).sum()
    }

    pub(crate) fn produced(&self) -> f64 {
        self.produced.floor()
    }

    pub(crate) fn consumed(&self) -> f64 {
        self.consumed.floor()
    }

    pub(crate) fn members(&self) -> u32 {
        self.members
    }

    pub(crate) fn rebalances(&self) -> u32 {
        self.rebalances
    }

    /// The fewest members that keep up with `arriving` records a second, however they are shared out.
    pub(crate) fn demand(&self, arriving: f64) -> u32 {
        let members = (arriving / self.group.rate - 1e-9).ceil();
        (0..=self.group.partitions).find(|count| f64::from(*count) >= members).unwrap_or(self.group.partitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(partitions: u32, skew: f64) -> Group {
        Group { partitions, skew, rate: 10.0, rebalance: Duration::from_secs(2) }
    }

    #[test]
    fn members_beyond_the_partitions_are_idle() {
        let mut queue = Queue::new(&Group { rebalance: Duration::ZERO, ..group(2, 0.0) });
        queue.set_members(5);
        queue.advance(Duration::from_secs(1), 100.0);
        assert_eq!((queue.lag(), queue.produced(), queue.consumed()), (80.0, 100.0, 20.0));
        assert_eq!(queue.demand(100.0), 2);
        assert_eq!(queue.demand(10.0), 1);
        assert_eq!(queue.demand(0.0), 0);
    }

    #[test]
    fn a_rebalance_pauses_all_members() {
        let mut queue = Queue::new(&group(2, 0.0));
        queue.set_members(1);
        queue.advance(Duration::from_secs(1), 10.0);
        assert_eq!((queue.lag(), queue.rebalances()), (10.0, 1));
        queue.advance(Duration::from_secs(2), 0.0);
        assert_eq!(queue.lag(), 0.0, "one of the two seconds was work");
    }

    #[test]
    fn a_hot_partition_stays_behind_whatever_the_others_do() {
        let mut queue = Queue::new(&Group { rebalance: Duration::ZERO, ..group(4, 2.0) });
        queue.set_members(4);
        for _ in 0..60 {
            queue.advance(Duration::from_secs(1), 20.0);
        }
        assert!(queue.lag() > 200.0, "20/s are half of what four members can do, and one partition gets 14 of them");
    }
}
