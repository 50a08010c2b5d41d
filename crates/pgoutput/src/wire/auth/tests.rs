//! What is answered to each method, and to servers that cheat. Whole exchanges run against a real server, in
//! `tests/connect.rs`.

use super::*;

fn request(code: u32, body: &[u8]) -> Message {
    let len = u32::try_from(body.len() + 8).unwrap();
    let frame = [b"R", len.to_be_bytes().as_slice(), &code.to_be_bytes(), body].concat();
    Message::parse(&mut BytesMut::from(frame.as_slice())).unwrap().unwrap()
}

fn sasl(mechanisms: &[&str]) -> Message {
    let mut body = mechanisms.join("\0").into_bytes();
    body.extend_from_slice(b"\0\0");
    request(10, &body)
}

fn ok() -> Message {
    request(0, b"")
}

/// The first answer to `request`.
fn answer(request: &Message, binding: Option<Vec<u8>>) -> Result<Vec<u8>> {
    let password = Password::new("secret".to_owned());
    let mut out = BytesMut::new();
    assert!(!Auth::new("ann", Some(&password), binding).answer(request, &mut out)?);
    Ok(out.to_vec())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn md5_and_cleartext_answer_as_the_protocol_says() {
    assert_eq!(answer(&request(3, b""), None).unwrap(), b"p\0\0\0\x0bsecret\0");
    // md5(md5(password user) salt), as `SELECT md5(md5('secretann') || E'\001\002\003\004')` computes it.
    let hash = answer(&request(5, &[1, 2, 3, 4]), None).unwrap();
    assert_eq!(hash, b"p\0\0\0(md59009ce60b9ca97f1e752376843d1309e\0");
}

#[test]
fn channel_is_bound_when_both_sides_can() {
    let both = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];
    let bound = answer(&sasl(&both), Some(vec![1])).unwrap();
    assert!(
        contains(&bound, "SCRAM-SHA-256-PLUS\0") && contains(&bound, "p=tls-server-end-point,,")
    );
    let stripped = answer(&sasl(&both[1..]), Some(vec![1])).unwrap();
    assert!(contains(&stripped, "y,,"), "the server must learn that we could have bound");
    let plain = answer(&sasl(&both), None).unwrap();
    assert!(contains(&plain, "SCRAM-SHA-256\0") && contains(&plain, "n,,"));
}

#[test]
fn server_that_skips_its_proof_is_refused() {
    let password = Password::new("secret".to_owned());
    let mut auth = Auth::new("ann", Some(&password), None);
    let mut out = BytesMut::new();
    assert!(!auth.answer(&sasl(&["SCRAM-SHA-256"]), &mut out).unwrap());
    assert!(matches!(auth.answer(&ok(), &mut out), Err(Error::Auth { .. })));
    for early in [request(11, b"r=x,s=eA==,i=4096"), request(12, b"v=eA==")] {
        assert!(matches!(answer(&early, None), Err(Error::Auth { .. })));
    }
}

#[test]
fn nonce_that_is_not_ours_is_refused() {
    let password = Password::new("secret".to_owned());
    let mut auth = Auth::new("ann", Some(&password), None);
    let mut out = BytesMut::new();
    assert!(!auth.answer(&sasl(&["SCRAM-SHA-256"]), &mut out).unwrap());
    let other = request(11, b"r=somebodyelses,s=c2FsdA==,i=4096");
    let error = auth.answer(&other, &mut out).unwrap_err().to_string();
    assert!(error.contains("ann") && !error.contains("secret"), "{error}");
}

#[test]
fn missing_password_and_unknown_methods_say_what_to_do() {
    let mut out = BytesMut::new();
    for password in [None, Some(Password::default())] {
        let error = Auth::new("ann", password.as_ref(), None).answer(&request(3, b""), &mut out);
        assert!(error.unwrap_err().to_string().contains("set database.password"));
    }
    for method in [request(7, b""), request(9, b""), sasl(&["OAUTHBEARER"])] {
        assert!(matches!(answer(&method, None), Err(Error::Auth { .. })));
    }
    assert!(Auth::new("ann", None, None).answer(&ok(), &mut out).unwrap(), "trust");
}
