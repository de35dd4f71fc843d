//! The endpoints of a Service, and one number from theirs.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use reqwest::Url;

use crate::declare::choices;
use crate::ports::EndpointGroup;

choices! {
    /// What is made of several numbers.
    pub(in crate::catalog) enum Aggregation {
        Average = "average",
        Sum = "sum",
        Max = "max",
        Min = "min",
    }
}

impl Aggregation {
    /// One number; `None` when there is none to begin with.
    pub(super) fn of(self, values: &[f64]) -> Option<f64> {
        let sum: f64 = values.iter().sum();
        #[allow(clippy::cast_precision_loss, reason = "a count of endpoints")]
        let count = values.len() as f64;
        match self {
            _ if values.is_empty() => None,
            Aggregation::Average => Some(sum / count),
            Aggregation::Sum => Some(sum),
            Aggregation::Max => values.iter().copied().reduce(f64::max),
            Aggregation::Min => values.iter().copied().reduce(f64::min),
        }
    }

    /// For a note, as `average`.
    pub(super) fn words(self) -> &'static str {
        match self {
            Aggregation::Average => "average",
            Aggregation::Sum => "sum",
            Aggregation::Max => "maximum",
            Aggregation::Min => "minimum",
        }
    }
}

/// The Service that a URL's host names: its name and its namespace.
///
/// # Errors
/// What was expected instead.
pub(super) fn service(url: &Url) -> Result<(String, String), String> {
    let expected = || "a host that names a Service and its namespace, as http://orders.shop:8080/stats".to_owned();
    let host = url.host_str().unwrap_or_default();
    if host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
        return Err(expected());
    }
    let mut labels = host.split('.');
    match (labels.next(), labels.next()) {
        (Some(name), Some(namespace)) if !name.is_empty() && !namespace.is_empty() => {
            Ok((name.to_owned(), namespace.to_owned()))
        }
        _ => Err(expected()),
    }
}

/// The address of each endpoint, each once.
///
/// # Errors
/// When there is none, or it is not clear on which port they listen.
pub(super) fn urls(url: &Url, groups: &[EndpointGroup]) -> Result<Vec<Url>, String> {
    let mut addresses = BTreeSet::new();
    for group in groups.iter().filter(|group| !group.addresses.is_empty()) {
        let port = port(url, &group.ports)?;
        addresses.extend(group.addresses.iter().map(|address| SocketAddr::new(*address, port)));
    }
    if addresses.is_empty() {
        return Err("it has no ready endpoint; look whether it exists and its pods are ready".to_owned());
    }
    let urls = addresses.into_iter().map(|address| {
        let mut url = url.clone();
        // Neither fails on an http address.
        let _ = (url.set_ip_host(address.ip()), url.set_port(Some(address.port())));
        url
    });
    Ok(urls.collect())
}

fn port(url: &Url, listening: &[u16]) -> Result<u16, String> {
    let default = if url.scheme() == "https" { 443 } else { 80 };
    let asked = url.port().unwrap_or(default);
    match listening {
        // A Service that does not say on which ports its endpoints listen.
        [] => Ok(asked),
        ports if ports.contains(&asked) => Ok(asked),
        ports if ports.contains(&default) => Ok(default),
        [only] => Ok(*only),
        ports => {
            let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            Err(format!("its endpoints listen on {ports}, none of which is {asked}; write the pods' port in url"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(addresses: &[&str], ports: &[u16]) -> EndpointGroup {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        EndpointGroup { addresses, ports: ports.to_vec() }
    }

    fn found(url: &str, groups: &[EndpointGroup]) -> Result<String, String> {
        let urls = urls(&Url::parse(url).unwrap(), groups)?;
        Ok(urls.iter().map(Url::as_str).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn each_endpoint_is_asked_once() {
        let ten = group(&["10.0.0.2", "10.0.0.1"], &[8080]);
        for (url, groups, expected) in [
            (
                "http://orders.shop:8080/x?q=1",
                vec![ten.clone()],
                "http://10.0.0.1:8080/x?q=1 http://10.0.0.2:8080/x?q=1",
            ),
            ("http://orders.shop:8080", vec![ten.clone(), ten.clone()], "http://10.0.0.1:8080/ http://10.0.0.2:8080/"),
            ("http://orders.shop/x", vec![group(&["fd00::1"], &[80, 8080])], "http://[fd00::1]/x"),
            ("https://orders.shop/x", vec![group(&["10.0.0.1"], &[443])], "https://10.0.0.1/x"),
            ("http://orders.shop:8080/x", vec![group(&["10.0.0.1"], &[80, 9090])], "http://10.0.0.1/x"),
            ("http://orders.shop:8080/x", vec![group(&["10.0.0.1"], &[9090])], "http://10.0.0.1:9090/x"),
            ("http://orders.shop:8080/x", vec![group(&["10.0.0.1"], &[])], "http://10.0.0.1:8080/x"),
        ] {
            assert_eq!(found(url, &groups).unwrap(), expected, "{url}");
        }
        assert!(found("http://orders.shop", &[]).unwrap_err().contains("no ready endpoint"));
        assert!(found("http://orders.shop", &[group(&[], &[80])]).unwrap_err().contains("no ready endpoint"));
        let unclear = found("http://orders.shop:1", &[group(&["10.0.0.1"], &[8080, 9090])]).unwrap_err();
        assert!(unclear.contains("8080, 9090, none of which is 1"), "{unclear}");
    }

    #[test]
    fn the_host_names_the_service() {
        let name = |url: &str| service(&Url::parse(url).unwrap()).ok();
        let shop = Some(("orders".to_owned(), "shop".to_owned()));
        assert_eq!(name("http://orders.shop:8080/x"), shop);
        assert_eq!(name("http://orders.shop.svc.cluster.local/x"), shop);
        assert_eq!(name("http://orders/x"), None);
        assert_eq!(name("http://10.0.0.1/x"), None);
        assert_eq!(name("http://[::1]/x"), None);
    }

    #[test]
    fn one_number_of_many() {
        for (aggregation, expected) in
            [(Aggregation::Average, 2.0), (Aggregation::Sum, 6.0), (Aggregation::Max, 3.0), (Aggregation::Min, 1.0)]
        {
            assert_eq!(aggregation.of(&[3.0, 1.0, 2.0]), Some(expected));
            assert_eq!(aggregation.of(&[]), None);
        }
    }
}
