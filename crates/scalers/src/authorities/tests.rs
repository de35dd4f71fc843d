//! What a folder of authorities may hold, and what of it is taken.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::Authorities;

fn authority() -> String {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn read(folders: &[&Path]) -> (usize, Vec<String>) {
    let folders: Vec<_> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let (authorities, faults) = Authorities::read(&folders);
    (authorities.len(), faults)
}

/// AUTH-21: each file of each folder, bundles too, and what two files have in common once
#[test]
fn every_certificate_of_every_folder_is_taken_once() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b, c) = (authority(), authority(), authority());
    fs::write(one.path().join("bundle.pem"), format!("# of our own\n{a}\n{b}")).unwrap();
    fs::write(one.path().join("again.crt"), &a).unwrap();
    fs::write(two.path().join("c"), &c).unwrap();
    assert_eq!(read(&[one.path()]), (2, Vec::new()));
    assert_eq!(read(&[one.path(), two.path()]), (3, Vec::new()));
    assert_eq!(read(&[]), (0, Vec::new()));
}

/// AUTH-21: a ConfigMap or Secret as Kubernetes mounts it
#[test]
fn a_mounted_configmap_is_read_through_its_links() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("..2026_01_01");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("ca.crt"), authority()).unwrap();
    symlink("..2026_01_01", folder.path().join("..data")).unwrap();
    symlink("..data/ca.crt", folder.path().join("ca.crt")).unwrap();
    assert_eq!(read(&[folder.path()]), (1, Vec::new()));
}

/// AUTH-21: what cannot be used is named, costs nothing else, and its text is not quoted
#[test]
fn a_bad_file_is_named_and_the_others_count() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let key = KeyPair::generate().unwrap().serialize_pem();
    let broken = "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n";
    put("a-good.pem", &authority());
    put("b-key.pem", &key);
    put("c-words.txt", "canary words");
    put("d-broken.pem", broken);
    put("e-cut.pem", "-----BEGIN CERTIFICATE-----\nY2FuYXJ5");
    symlink("nowhere", folder.path().join("f-dangling")).unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    fs::write(folder.path().join("below/not-read.pem"), "canary").unwrap();
    let missing = folder.path().join("absent");
    let (count, faults) = read(&[folder.path(), &missing]);
    assert_eq!(count, 1);
    let named = ["b-key.pem", "c-words.txt", "d-broken.pem", "e-cut.pem", "f-dangling", "absent"];
    assert_eq!(faults.len(), named.len(), "{faults:?}");
    for (fault, name) in faults.iter().zip(named) {
        assert!(fault.contains(&format!("{}/{name}: ", folder.path().display())), "{fault}");
        assert!(!fault.contains("canary") && !fault.contains("Y2Fu") && !fault.contains(&key[40..60]), "{fault}");
    }
}
