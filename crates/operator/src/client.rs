//! The client of the API server.
//!
//! It is made as kube makes it, from the same parts, but for one option of its sockets. By default Linux holds a small
//! piece of data back until what was sent before is acknowledged, and the other end takes its time with that: the first
//! request over each new connection would leave 40 ms late, behind the end of the TLS handshake. A start makes a dozen
//! connections, one after the other where one list tells what to watch next.

use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt;
use kube::client::retry::RetryPolicy;
use kube::{Client, Config};
use tower::retry::RetryLayer;
use tower::{BoxError, ServiceBuilder};

/// A client whose connections send at once.
///
/// # Errors
/// When the credentials or certificates of `config` cannot be used, or it names a proxy of a kind that is not served.
pub fn client(config: Config) -> Result<Client, kube::Error> {
    if config.proxy_url.is_some() {
        // How a proxy is gone through is kube's own affair.
        return Client::try_from(config);
    }
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp())?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry())))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(Connections::builder(TokioExecutor::new()).build(connector));
    Ok(Client::new(service, config.default_namespace))
}

/// Sockets without the delay.
fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    // TLS comes on top of it.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn sockets_send_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let (connected, _) = tokio::join!(tcp().oneshot(url.parse().unwrap()), listener.accept());
        assert!(connected.unwrap().into_inner().nodelay().unwrap());
    }
}
