//! Certificates made by openssl, one for each rule; the sums are those of `openssl dgst`.

use super::*;

const ALTERNATIVE_NAME: &[u8] = include_bytes!("alternative_name.der");
const ECDSA_SHA512: &[u8] = include_bytes!("ecdsa_sha512.der");
const ED25519: &[u8] = include_bytes!("ed25519.der");
const RSA_PSS_SHA512: &[u8] = include_bytes!("rsa_pss_sha512.der");
const RSA_SHA1: &[u8] = include_bytes!("rsa_sha1.der");
const RSA_SHA384: &[u8] = include_bytes!("rsa_sha384.der");
const VERSION1: &[u8] = include_bytes!("version1.der");

fn end_point(der: &[u8]) -> Option<String> {
    let sum = Certificate::parse(der).expect("a certificate").end_point()?;
    Some(
        sum.iter()
            .take(8)
            .fold(format!("{}:", sum.len()), |text, byte| format!("{text}{byte:02x}")),
    )
}

#[test]
fn channel_is_bound_by_the_hash_of_the_signature() {
    for (der, sum) in [
        (RSA_SHA384, "48:eb45c9f56b1320a7"),
        (ALTERNATIVE_NAME, "48:e1b789df8266f1cf"),
        (VERSION1, "32:4d784ea3a3355080"),
        (RSA_SHA1, "32:383e046fc1d0973d"),
        (ECDSA_SHA512, "64:fc359d29624bfabf"),
        (RSA_PSS_SHA512, "64:65f20dd7be1f3502"),
    ] {
        assert_eq!(end_point(der).as_deref(), Some(sum));
    }
    assert_eq!(end_point(ED25519), None, "it has no hash of its own");
}

#[test]
fn names_and_keys_are_found_in_every_version() {
    let parse = |der| Certificate::parse(der).expect("a certificate");
    assert_eq!(parse(VERSION1).common_name(), Some("localhost"));
    assert_eq!(parse(RSA_SHA384).common_name(), Some("db.example"), "the last one");
    assert!(parse(ALTERNATIVE_NAME).has_alternative_name());
    assert!(!parse(RSA_SHA384).has_alternative_name() && !parse(VERSION1).has_alternative_name());
    let lengths = [ALTERNATIVE_NAME, ECDSA_SHA512, ED25519, RSA_SHA1, VERSION1]
        .map(|d| parse(d).public_key.len());
    assert_eq!(lengths, [120, 91, 44, 294, 294]);
}

#[test]
fn cut_certificate_is_none() {
    for len in 0..VERSION1.len() {
        assert!(Certificate::parse(&VERSION1[..len]).is_none(), "{len} bytes");
    }
    assert!(Certificate::parse(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]).is_none());
}

#[test]
fn wildcard_stands_for_one_label() {
    assert!(name_covers("DB.example", "db.EXAMPLE"));
    assert!(name_covers("*.example", "db.example"));
    for (pattern, host) in [
        ("*.example", "a.db.example"),
        ("*.example", ".example"),
        ("*.example", "example"),
        ("*", "db"),
        ("*example", "dbexample"),
        ("db.example", "db.example.org"),
    ] {
        assert!(!name_covers(pattern, host), "{pattern} {host}");
    }
}
