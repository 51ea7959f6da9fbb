//! The public key in a certificate, for receivers that need one.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, Error, PKCS_RSA_SHA256, PublicKeyData,
    SignatureAlgorithm, SigningKey,
};
use time::Duration;

use crate::clock::machine_utc;

/// The validity. It starts in the past, since receivers' clocks may be slow, and exceeds the run of any emulator.
const BEFORE: Duration = Duration::days(1);
const AFTER: Duration = Duration::days(365);

/// A key for rcgen, without access to the private key.
struct Key<'a>(&'a KeyPair);

impl PublicKeyData for Key<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Key<'_> {
    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = SystemRandom::new();
        let done = self
            .0
            .sign(&RSA_PKCS1_SHA256, &random, signed, &mut signature);
        done.map_err(|_| Error::RemoteKeyError)?;
        Ok(signature)
    }
}

/// Returns a self-signed certificate as PEM. A receiver that trusts the issuer's documents trusts it.
pub(super) fn of(pair: &KeyPair) -> Result<String, Error> {
    let parameters = parameters("tokens of a local emulator");
    Ok(parameters.self_signed(&Key(pair))?.pem())
}

/// Returns the parameters of a certificate with this common name, which is valid from now on.
pub(crate) fn parameters(common_name: &str) -> CertificateParams {
    let now = machine_utc();
    let mut parameters = CertificateParams::default();
    parameters.not_before = now - BEFORE;
    parameters.not_after = now + AFTER;
    parameters.distinguished_name = DistinguishedName::new();
    let name = &mut parameters.distinguished_name;
    name.push(DnType::CommonName, common_name);
    parameters
}
