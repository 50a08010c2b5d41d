//! As much of X.509 as Postgres' authentication needs and rustls does not say: which hash binds a channel to a
//! certificate, its public key, and its common name.
//!
//! Only certificates are read that the TLS layer has already taken apart or is about to check; this never decides
//! whether one is trusted.

use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;
/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];
/// 1.2.840.113549.1.1, RSA signatures.
const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];
/// 1.2.840.10045.4, ECDSA signatures.
const ECDSA: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04];
/// 2.16.840.1.101.3.4.2, the SHA-2 hashes.
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// The parts of a certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Certificate<'a> {
    der: &'a [u8],
    signature_algorithm: &'a [u8],
    subject: &'a [u8],
    /// SubjectPublicKeyInfo, with its header.
    pub(crate) public_key: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Takes the DER apart; `None` if it is no certificate.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        let certificate = expect(der, SEQUENCE)?.content;
        let signed = expect(certificate, SEQUENCE)?;
        let signature_algorithm = expect(signed.rest, SEQUENCE)?.content;
        let first = element(signed.content)?;
        // `version` is absent in version 1; then this is the serial number already.
        let after_serial =
            if first.tag == VERSION { element(first.rest)?.rest } else { first.rest };
        let issuer = element(element(after_serial)?.rest)?;
        let subject = element(element(issuer.rest)?.rest)?;
        let public_key = expect(subject.rest, SEQUENCE)?;
        let key_len = subject.rest.len() - public_key.rest.len();
        Some(Self {
            der,
            signature_algorithm,
            subject: subject.content,
            public_key: subject.rest.get(..key_len)?,
            extensions: elements(public_key.rest)
                .find(|part| part.tag == EXTENSIONS)
                .and_then(|part| expect(part.content, SEQUENCE))
                .map_or(&[], |part| part.content),
        })
    }

    /// The data of `tls-server-end-point` (RFC 5929): the certificate under the hash of its signature, SHA-256 in
    /// the place of MD5 and SHA-1. `None` where the signature has no one hash (Ed25519).
    pub(crate) fn end_point(&self) -> Option<Vec<u8>> {
        let algorithm = expect(self.signature_algorithm, OID)?;
        let bits = if let Some(last) = algorithm.content.strip_prefix(RSA) {
            match last {
                [4 | 5 | 11] => 256,
                [12] => 384,
                [13] => 512,
                [14] => 224,
                // RSASSA-PSS names its hash in the parameters; SHA-1 is the default.
                [10] => find_hash(algorithm.rest).unwrap_or(256),
                _ => return None,
            }
        } else {
            match algorithm.content.strip_prefix(ECDSA)? {
                [1] | [3, 2] => 256,
                [3, 1] => 224,
                [3, 3] => 384,
                [3, 4] => 512,
                _ => return None,
            }
        };
        Some(match bits {
            224 => Sha224::digest(self.der).to_vec(),
            384 => Sha384::digest(self.der).to_vec(),
            512 => Sha512::digest(self.der).to_vec(),
            _ => Sha256::digest(self.der).to_vec(),
        })
    }

    /// Whether it has a subject alternative name: then the common name does not count.
    pub(crate) fn has_alternative_name(&self) -> bool {
        elements(self.extensions)
            .filter_map(|extension| expect(extension.content, OID))
            .any(|id| id.content == SUBJECT_ALT_NAME)
    }

    /// The last common name of the subject, as libpq takes it.
    pub(crate) fn common_name(&self) -> Option<&'a str> {
        elements(self.subject)
            .filter(|part| part.tag == SET)
            .flat_map(|part| elements(part.content))
            .filter_map(|pair| expect(pair.content, OID))
            .filter(|id| id.content == COMMON_NAME)
            .filter_map(|id| element(id.rest))
            .filter_map(|value| std::str::from_utf8(value.content).ok())
            .last()
    }
}

/// Whether a DER key is encrypted: an `EncryptedPrivateKeyInfo` starts with its algorithm, a plain key with its
/// version.
pub(crate) fn is_encrypted_key(der: &[u8]) -> bool {
    expect(der, SEQUENCE)
        .and_then(|key| element(key.content))
        .is_some_and(|first| first.tag == SEQUENCE)
}

/// Whether a common name covers a host, as libpq compares: without case, a leading `*.` for one label.
pub(crate) fn name_covers(pattern: &str, host: &str) -> bool {
    if let Some(suffix) = pattern.strip_prefix('*') {
        return suffix.starts_with('.')
            && host.split_once('.').is_some_and(|(label, _)| {
                !label.is_empty()
                    && host.get(label.len()..).is_some_and(|h| h.eq_ignore_ascii_case(suffix))
            });
    }
    pattern.eq_ignore_ascii_case(host)
}

fn find_hash(parameters: &[u8]) -> Option<u16> {
    let at = parameters.windows(SHA2.len()).position(|window| window == SHA2)?;
    match parameters.get(at + SHA2.len())? {
        2 => Some(384),
        3 => Some(512),
        4 => Some(224),
        _ => Some(256),
    }
}

#[derive(Debug, Clone, Copy)]
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

fn element(input: &[u8]) -> Option<Element<'_>> {
    let (&tag, input) = input.split_first()?;
    let (&first, input) = input.split_first()?;
    let (len, input) = if first < 0x80 {
        (usize::from(first), input)
    } else {
        let (digits, input) = input.split_at_checked(usize::from(first & 0x7F))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0_usize, |len, digit| len << 8 | usize::from(*digit)), input)
    };
    let (content, rest) = input.split_at_checked(len)?;
    Some(Element { tag, content, rest })
}

fn expect(input: &[u8], tag: u8) -> Option<Element<'_>> {
    element(input).filter(|element| element.tag == tag)
}

fn elements(input: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::successors(element(input), |last| element(last.rest))
}

#[cfg(test)]
mod tests;
