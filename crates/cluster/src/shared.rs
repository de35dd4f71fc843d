//! One cluster for a whole test process.

use std::sync::{OnceLock, mpsc};

use crate::cluster::Cluster;
use crate::error::Error;
use crate::options::ClusterOptions;

static SHARED: OnceLock<Result<Cluster, Error>> = OnceLock::new();

impl Cluster {
    /// The cluster of this test process, started at first use with [`ClusterOptions::quick`]. It ends with the process.
    ///
    /// # Panics
    /// When it cannot be started; the message says what is missing.
    #[expect(clippy::panic, reason = "only tests call this, and without a cluster they have failed")]
    pub async fn shared() -> &'static Cluster {
        let started = tokio::task::spawn_blocking(|| SHARED.get_or_init(start)).await;
        match started {
            Ok(Ok(cluster)) => cluster,
            Ok(Err(error)) => panic!("the test cluster did not start: {error}"),
            Err(error) => panic!("the test cluster did not start: {error}"),
        }
    }
}

/// Each test has a Tokio runtime of its own, so the cluster needs one that outlives them all.
fn start() -> Result<Cluster, Error> {
    let (reply, started) = mpsc::channel();
    let thread = std::thread::Builder::new().name("tidegate-cluster".to_owned()).spawn(move || {
        let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = match built {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = reply.send(Err(Error::Other(format!("starting the cluster's runtime: {error}"))));
                return;
            }
        };
        let _ = reply.send(runtime.block_on(Cluster::start(ClusterOptions::quick())));
        // Its tasks go on until the process ends.
        runtime.block_on(std::future::pending::<()>());
    });
    thread.map_err(|cause| Error::Start { name: "the cluster's thread".to_owned(), cause })?;
    started.recv().unwrap_or_else(|_| Err(Error::Other("the cluster's thread ended while it was starting".to_owned())))
}
