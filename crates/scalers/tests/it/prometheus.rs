//! The prometheus trigger against a real Prometheus.
