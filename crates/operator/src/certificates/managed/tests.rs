//! Years of rotation in virtual time.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};

use super::*;
use crate::certificates::provider;

const START: i64 = 1_800_000_000;
const DAY: i64 = 24 * 3600;

fn names() -> Vec<String> {
    vec!["keda-operator.keda.svc".to_owned(), "127.0.0.1".to_owned()]
}

fn written(stored: &Stored, now: i64) -> Stored {
    match plan(stored, &names(), &Lifetimes::default(), now).unwrap() {
        Plan::Write(stored, _) => *stored,
        Plan::Keep(_) => panic!("nothing is written at {now}"),
    }
}

/// Whether a client that trusts `bundle` takes `stored`'s certificate at `now`.
fn believed(stored: &Stored, bundle: &[u8], now: i64) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(bundle) {
        roots.add(der.unwrap()).unwrap();
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    let material = Material::read(&stored.certificate, &stored.key, bundle)?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs()));
    for name in names() {
        let name = ServerName::try_from(name).unwrap();
        verifier
            .verify_server_cert(&material.key.cert[0], &[], &name, &[], at)
            .map_err(|error| format!("{name:?}: {error}"))?;
    }
    Ok(())
}

#[test]
fn from_nothing_there_is_a_certificate_that_a_client_believes() {
    let stored = written(&Stored::default(), START);
    believed(&stored, &stored.authorities, START).unwrap();
    let Plan::Keep(wait) = plan(&stored, &names(), &Lifetimes::default(), START).unwrap() else { panic!() };
    assert_eq!(wait, Duration::from_secs((365 - 91) * 86_400), "until the renewal is due");
}

#[test]
fn forty_years_pass_and_old_and_new_bundles_both_serve() {
    let mut stored = written(&Stored::default(), START);
    let (mut now, mut writes, mut earlier) = (START, 0, stored.clone());
    while now < START + 40 * 365 * DAY {
        match plan(&stored, &names(), &Lifetimes::default(), now).unwrap() {
            Plan::Keep(wait) => now += i64::try_from(wait.as_secs()).unwrap().max(1),
            Plan::Write(next, _) => {
                writes += 1;
                assert!(writes < 200, "it writes without an end");
                // Whoever has not read the new bundle yet goes on, and whoever has takes what late replicas show.
                believed(&next, &stored.authorities, now).unwrap();
                believed(&stored, &next.authorities, now).unwrap();
                (earlier, stored) = (stored, *next);
            }
        }
        believed(&stored, &stored.authorities, now).unwrap();
    }
    assert!(earlier != stored);
    assert!(read_bundle(&stored.authorities).len() <= 2, "expired authorities are left out");
}

#[test]
fn what_cannot_be_used_is_made_anew() {
    let good = written(&Stored::default(), START);
    let other = written(&Stored::default(), START);
    let cases: [(&str, Stored); 4] = [
        ("another key", Stored { key: other.key.clone(), ..good.clone() }),
        ("no text at all", Stored { certificate: vec![0xff, 0], ..good.clone() }),
        ("signed by nobody that is trusted", Stored { certificate: other.certificate, key: other.key, ..good.clone() }),
        ("no key of the authority", Stored { authority_key: Vec::new(), certificate: Vec::new(), ..good.clone() }),
    ];
    for (what, stored) in cases {
        let made = written(&stored, START);
        believed(&made, &made.authorities, START).unwrap_or_else(|error| panic!("{what}: {error}"));
        let Plan::Keep(_) = plan(&made, &names(), &Lifetimes::default(), START).unwrap() else { panic!("{what}") };
    }
}

/// KEDA's own rotation leaves an authority whose key we do not sign with: what it signed serves on, and is trusted on.
#[test]
fn a_foreign_authority_stays_trusted_while_ours_takes_over() {
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "KEDA");
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = parameters.self_signed(&key).unwrap();
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(names()).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &rcgen::Issuer::new(parameters, &key)).unwrap();
    let theirs = Stored {
        certificate: leaf.pem().into_bytes(),
        key: leaf_key.serialize_pem().into_bytes(),
        authorities: authority.pem().into_bytes(),
        authority_key: key.serialize_pem().into_bytes(),
    };
    let first = written(&theirs, START);
    assert_eq!((&first.certificate, &first.key), (&theirs.certificate, &theirs.key), "it serves on at first");
    believed(&theirs, &first.authorities, START).unwrap();
    let Plan::Keep(wait) = plan(&first, &names(), &Lifetimes::default(), START).unwrap() else { panic!() };
    assert_eq!(wait, Lifetimes::default().overlap);
    let second = written(&first, START + 3600);
    believed(&second, &first.authorities, START + 3600).unwrap();
    assert_ne!(second.certificate, theirs.certificate);
}

#[test]
fn another_name_needs_another_certificate_of_the_same_authority() {
    let stored = written(&Stored::default(), START);
    let more = [names(), vec!["tidegate.example".to_owned()]].concat();
    let Plan::Write(made, _) = plan(&stored, &more, &Lifetimes::default(), START).unwrap() else { panic!() };
    assert_eq!(made.authorities, stored.authorities);
    believed(&made, &stored.authorities, START).unwrap();
}
