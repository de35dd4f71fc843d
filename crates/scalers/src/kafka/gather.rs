//! Reads that come at about the same time become one pass.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::egress::Egress;
use crate::kafka::cluster::Cluster;
use crate::kafka::fault::{Fault, Step};
use crate::kafka::pass::{self, Answer, Want};
use crate::kafka::pool::lock;
use crate::kafka::settings::ConnectionSettings;
use crate::kafka::versions::OFFSET_FETCH;

/// How long a pass waits for others to join it. Triggers of one source are read at the same instant, so this only has
/// to cover the time that their tasks take to start.
const JOIN_WITHIN: Duration = Duration::from_millis(5);

/// A cluster with those who wait for the next pass over it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) cluster: Cluster,
    waiting: Mutex<Vec<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    want: Want,
    deadline: Instant,
    answer: oneshot::Sender<Answer>,
}

impl Source {
    pub(crate) fn new(settings: ConnectionSettings, egress: Egress) -> Self {
        Source { cluster: Cluster::new(settings, egress), waiting: Mutex::default() }
    }

    /// Reads one group as part of the next pass.
    pub(crate) async fn read(self: &Arc<Self>, want: Want, deadline: Instant) -> Answer {
        let (answer, result) = oneshot::channel();
        let first = {
            let mut waiting = lock(&self.waiting);
            waiting.push(Waiter { want, deadline, answer });
            waiting.len() == 1
        };
        if first {
            // On its own, so that the others are served even if this reader gives up.
            tokio::spawn(Arc::clone(self).pass());
        }
        let late = || Fault::late(&self.cluster.pool.name(), Step::Request(OFFSET_FETCH.name));
        match tokio::time::timeout_at(deadline, result).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(late()),
        }
    }

    async fn pass(self: Arc<Self>) {
        tokio::time::sleep(JOIN_WITHIN).await;
        let mut waiting = std::mem::take(&mut *lock(&self.waiting));
        waiting.retain(|waiter| !waiter.answer.is_closed());
        let Some(deadline) = waiting.iter().map(|waiter| waiter.deadline).max() else { return };
        let wants: Vec<Want> = waiting.iter().map(|waiter| waiter.want.clone()).collect();
        let answers = pass::run(&self.cluster, &wants, deadline).await;
        for (waiter, answer) in waiting.into_iter().zip(answers) {
            let _ = waiter.answer.send(answer);
        }
    }
}
