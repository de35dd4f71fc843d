//! SCRAM (RFC 5802, RFC 7677): proves that both sides know the password without sending it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use crate::kafka::settings::Login;

/// More rounds than this are refused, so that nobody can keep a processor busy by asking for them.
const MAX_ITERATIONS: u32 = 1_000_000;

/// Which hash function is used throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Hash::Sha256 => Sha256::digest(bytes).to_vec(),
            Hash::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    /// The keyed hash. Keys of any length are fine, so `new_from_slice` never fails.
    fn keyed(self, key: &[u8], message: &[u8]) -> Result<Vec<u8>, String> {
        let unusable = |_| "the key cannot be used".to_owned();
        match self {
            Hash::Sha256 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(unusable)?;
                mac.update(message);
                Ok(mac.finalize().into_bytes().to_vec())
            }
            Hash::Sha512 => {
                let mut mac = Hmac::<Sha512>::new_from_slice(key).map_err(unusable)?;
                mac.update(message);
                Ok(mac.finalize().into_bytes().to_vec())
            }
        }
    }

    fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        match self {
            Hash::Sha256 => {
                let mut out = Zeroizing::new(vec![0; 32]);
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut out);
                out
            }
            Hash::Sha512 => {
                let mut out = Zeroizing::new(vec![0; 64]);
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut out);
                out
            }
        }
    }
}

/// One exchange: [`Scram::first`], [`Scram::last`], [`Scram::verify`].
pub(super) struct Scram {
    hash: Hash,
    username: String,
    password: Zeroizing<String>,
    nonce: String,
    server_signature: Vec<u8>,
}

impl Scram {
    pub(super) fn new(login: &Login, hash: Hash) -> Result<Self, String> {
        let mut random = [0; 18];
        rustls::crypto::ring::default_provider()
            .secure_random
            .fill(&mut random)
            .map_err(|_| "the system gives no random numbers".to_owned())?;
        Ok(Scram::with_nonce(login, hash, BASE64.encode(random)))
    }

    fn with_nonce(login: &Login, hash: Hash, nonce: String) -> Self {
        Scram {
            hash,
            username: login.username.replace('=', "=3D").replace(',', "=2C"),
            password: Zeroizing::new(login.password.expose().to_owned()),
            nonce,
            server_signature: Vec::new(),
        }
    }

    fn first_bare(&self) -> String {
        format!("n={},r={}", self.username, self.nonce)
    }

    /// The client's first message.
    pub(super) fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.first_bare()).into_bytes()
    }

    /// The client's final message, from the server's first.
    pub(super) fn last(&mut self, server_first: &[u8]) -> Result<Vec<u8>, String> {
        let server_first =
            std::str::from_utf8(server_first).map_err(|_| "the broker's message is no text".to_owned())?;
        let nonce = field(server_first, "r=")?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("the broker's message answers another exchange (its nonce is not ours)".to_owned());
        }
        let salt =
            BASE64.decode(field(server_first, "s=")?).map_err(|_| "the broker's salt is no base64".to_owned())?;
        let iterations: u32 = field(server_first, "i=")?.parse().unwrap_or(0);
        if !(1..=MAX_ITERATIONS).contains(&iterations) {
            return Err(format!("the broker asks for {iterations} rounds, expected 1 to {MAX_ITERATIONS}"));
        }
        let salted = self.hash.salted(self.password.as_bytes(), &salt, iterations);
        let client_key = Zeroizing::new(self.hash.keyed(&salted, b"Client Key")?);
        let stored_key = self.hash.digest(&client_key);
        let without_proof = format!("c=biws,r={nonce}");
        let message = format!("{},{server_first},{without_proof}", self.first_bare());
        let signature = self.hash.keyed(&stored_key, message.as_bytes())?;
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, sign)| key ^ sign).collect();
        let server_key = self.hash.keyed(&salted, b"Server Key")?;
        self.server_signature = self.hash.keyed(&server_key, message.as_bytes())?;
        Ok(format!("{without_proof},p={}", BASE64.encode(proof)).into_bytes())
    }

    /// Whether the server knows the password too, from its final message.
    pub(super) fn verify(&self, server_last: &[u8]) -> Result<(), String> {
        let server_last = std::str::from_utf8(server_last).map_err(|_| "the broker's message is no text".to_owned())?;
        if let Ok(error) = field(server_last, "e=") {
            return Err(format!("the broker refuses: {error}"));
        }
        let signature =
            BASE64.decode(field(server_last, "v=")?).map_err(|_| "the broker's signature is no base64".to_owned())?;
        if self.server_signature.is_empty() || signature != self.server_signature {
            return Err("the broker's signature is wrong".to_owned());
        }
        Ok(())
    }
}

fn field<'a>(message: &'a str, name: &str) -> Result<&'a str, String> {
    message
        .split(',')
        .find_map(|part| part.strip_prefix(name))
        .ok_or_else(|| format!("the broker's message lacks {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn rfc7677() -> Scram {
        let login = Login { username: "user".to_owned(), password: Secret::new("pencil") };
        Scram::with_nonce(&login, Hash::Sha256, "rOprNGfwEbeRWgbNEkqO".to_owned())
    }

    const SERVER_FIRST: &[u8] =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn follows_the_example_of_rfc_7677() {
        let mut scram = rfc7677();
        assert_eq!(scram.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let last = String::from_utf8(scram.last(SERVER_FIRST).unwrap()).unwrap();
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
    }

    #[test]
    fn an_impostor_is_found_out() {
        let mut scram = rfc7677();
        assert!(scram.verify(b"v=").is_err(), "before the exchange");
        scram.last(SERVER_FIRST).unwrap();
        assert!(scram.verify(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").is_err());
        assert!(scram.verify(b"").is_err());
        assert!(scram.verify(b"e=other-error").unwrap_err().contains("other-error"));
    }

    #[test]
    fn a_foreign_nonce_and_absurd_rounds_are_refused() {
        assert!(rfc7677().last(b"r=other,s=W22Z,i=4096").unwrap_err().contains("nonce"));
        assert!(rfc7677().last(b"r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096").is_err(), "adds nothing of its own");
        for rounds in ["0", "x", "1000001", "-1"] {
            let first = format!("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i={rounds}");
            assert!(rfc7677().last(first.as_bytes()).unwrap_err().contains("rounds"), "{rounds}");
        }
    }

    #[test]
    fn names_are_escaped() {
        let login = Login { username: "a=b,c".to_owned(), password: Secret::new("x") };
        assert_eq!(Scram::with_nonce(&login, Hash::Sha512, "n".to_owned()).first(), b"n,,n=a=3Db=2Cc,r=n");
    }
}
