//! A TLS client and a listener on the loopback. The certificates of `testdata` are valid for a century; a file with a
//! key has it after the certificate.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::connector::Properties;
use crate::rest::{Door, Identity, Server};
use crate::settings::{Users, WorkerSettings};

const AUTHORITY: &str = include_str!("testdata/ca.pem");
const SERVER: &str = include_str!("testdata/server.pem");
const CLIENT: &str = include_str!("testdata/client.pem");

/// A worker's listener that answers as long as it is held.
struct Listening {
    _server: Server,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen(extra: &[(&str, &str)], users: Option<Users>) -> Listening {
    let base = [
        ("bootstrap.servers", "127.0.0.1:1"),
        ("group.id", "g"),
        ("config.storage.topic", "c"),
        ("offset.storage.topic", "o"),
        ("status.storage.topic", "s"),
        ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("listeners", "https://127.0.0.1:0"),
        ("listeners.https.ssl.keystore.type", "PEM"),
        ("listeners.https.ssl.keystore.certificate.chain", SERVER),
        ("listeners.https.ssl.keystore.key", SERVER),
    ];
    let properties: Properties =
        base.iter().chain(extra).map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let mut settings = WorkerSettings::parse(&properties, "v", "c").unwrap();
    settings.rest.users = users;
    let mut server = Server::bind(&settings).await.unwrap();
    let address = server.addresses()[0];
    let identity =
        Identity { version: "v".to_owned(), commit: "c".to_owned(), cluster_id: "k".to_owned() };
    let (_known, context) = watch::channel(None);
    let stop = CancellationToken::new();
    server.serve(Door { identity, context, extension: None }, &stop);
    Listening { _server: server, address, stop }
}

/// Who the client trusts, what it shows of itself, and its further header lines.
#[derive(Default)]
struct Client {
    trusts: &'static str,
    shows: Option<&'static str>,
    headers: &'static str,
}

impl Client {
    /// What is answered to `GET /`.
    async fn ask(&self, listening: &Listening) -> io::Result<String> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&Pem::Text(self.trusts.to_owned()), "test").unwrap() {
            roots.add(certificate).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match self.shows.map(|text| Pem::Text(text.to_owned())) {
            Some(pem) => {
                let chain = certificates(&pem, "test").unwrap();
                builder.with_client_auth_cert(chain, key(&pem).unwrap()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(listening.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let head = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        stream.write_all(format!("{head}{}\r\n", self.headers).as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }
}

#[tokio::test]
async fn who_trusts_the_authority_is_answered_and_who_does_not_ends_the_handshake() {
    let listening = listen(&[], None).await;
    let trusting = Client { trusts: AUTHORITY, ..Client::default() };
    let answer = trusting.ask(&listening).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with(r#"{"version":"v","commit":"c","kafka_cluster_id":"k"}"#), "{answer}");
    let doubting = Client { trusts: CLIENT, ..Client::default() };
    doubting.ask(&listening).await.unwrap_err();
}

#[tokio::test]
async fn a_password_is_asked_for_over_tls() {
    let listening = listen(&[], Some(vec![("user".to_owned(), "pass:word".to_owned())])).await;
    for (headers, status) in [
        ("", 401),
        ("Authorization: Basic dXNlcjpwYXNzOndvcmQ=\r\n", 200),
        ("Authorization: Basic dXNlcjpwYXNz\r\n", 401),
        ("Authorization: Bearer dXNlcjpwYXNzOndvcmQ=\r\n", 401),
    ] {
        let answer = Client { trusts: AUTHORITY, headers, shows: None };
        let answer = answer.ask(&listening).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
        assert_eq!(answer.contains("www-authenticate: Basic"), status == 401, "{answer}");
    }
}

#[tokio::test]
async fn a_required_certificate_is_required() {
    let required = [
        ("listeners.https.ssl.client.auth", "required"),
        ("listeners.https.ssl.truststore.type", "PEM"),
        ("listeners.https.ssl.truststore.certificates", AUTHORITY),
    ];
    let listening = listen(&required, None).await;
    let bare = Client { trusts: AUTHORITY, ..Client::default() };
    bare.ask(&listening).await.unwrap_err();
    let known = Client { trusts: AUTHORITY, shows: Some(CLIENT), headers: "" };
    let answer = known.ask(&listening).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
