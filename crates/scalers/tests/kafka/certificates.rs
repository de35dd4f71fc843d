//! An authority, a server's certificate, and a client's with its key in every form.

use std::fs;
use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

pub const KEY_PASSWORD: &str = "key-password";

/// PEM texts. Files of the same content lie in the folder for the broker.
pub struct Certificates {
    pub ca: String,
    pub server: String,
    pub server_key: String,
    pub client: String,
    /// A name for each form of the client's key, and the key.
    pub client_keys: Vec<(&'static str, String)>,
}

impl Certificates {
    pub fn make(folder: &Path) -> Certificates {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "test authority");
        let authority_key = KeyPair::generate().unwrap();
        let ca = authority.self_signed(&authority_key).unwrap().pem();
        fs::write(folder.join("ca.pem"), &ca).unwrap();
        fs::write(folder.join("ca.key"), authority_key.serialize_pem()).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let server_key = KeyPair::generate().unwrap();
        let server =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&server_key, &issuer).unwrap();
        let (server, server_key) = (server.pem(), server_key.serialize_pem());
        fs::write(folder.join("server.pem"), format!("{server_key}{server}")).unwrap();
        let (client, client_keys) = client(folder);
        Certificates { ca, server, server_key, client, client_keys }
    }
}

/// An RSA key by openssl, since only RSA keys have a PKCS#1 form.
fn client(folder: &Path) -> (String, Vec<(&'static str, String)>) {
    let password = format!("pass:{KEY_PASSWORD}");
    openssl(folder, &["genrsa", "-traditional", "-out", "pkcs1.key", "2048"]);
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-new",
            "-key",
            "pkcs1.key",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-subj",
            "/CN=alice",
            "-days",
            "2",
            "-out",
            "client.pem",
        ],
    );
    let pkcs8 = ["pkcs8", "-topk8", "-in", "pkcs1.key"];
    let mut keys = vec![("PKCS#1", "pkcs1.key")];
    for (name, file, how) in [
        ("PKCS#8", "pkcs8.key", &["-nocrypt"][..]),
        ("PKCS#8 with openssl's defaults", "default.key", &["-passout", &password]),
        ("PKCS#8 with AES-128", "aes128.key", &["-v2", "aes-128-cbc", "-passout", &password]),
        (
            "PKCS#8 with AES-256 and HMAC-SHA-512",
            "sha512.key",
            &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512", "-passout", &password],
        ),
        (
            "PKCS#8 with HMAC-SHA-1",
            "sha1.key",
            &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1", "-passout", &password],
        ),
        ("PKCS#8 with 3DES", "des3.key", &["-v2", "des3", "-passout", &password]),
        ("PKCS#8 with scrypt", "scrypt.key", &["-scrypt", "-passout", &password]),
    ] {
        openssl(folder, &[&pkcs8[..], &["-out", file], how].concat());
        keys.push((name, file));
    }
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    (read("client.pem"), keys.into_iter().map(|(name, file)| (name, read(file))).collect())
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output().expect("openssl starts");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
