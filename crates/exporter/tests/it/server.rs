//! The listener while the worker stops.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use exporter::kafka::{Client, Role};
use exporter::server::Server;
use exporter::worker::View;
use exporter::{Exporter, Rules};
use tokio_util::sync::CancellationToken;

use crate::superset::get;

/// A listener whose scrapes say that they have begun, and wait until they are let go.
async fn held() -> (Server, CancellationToken, Receiver<()>, Sender<()>) {
    let exporter = Exporter::new(Rules::profiles(&["superset"]).unwrap(), "4.3.0", "0");
    let (begins, begun) = channel();
    let (release, released) = channel();
    let (begins, released) = (Mutex::new(begins), Mutex::new(released));
    exporter.follow_worker(Arc::new(Client::new(Role::Member, "m", 0)), move || {
        begins.lock().unwrap().send(()).unwrap();
        // Nobody lets go any more: it goes on.
        released.lock().unwrap().recv().unwrap_or_default();
        View::default()
    });
    let mut server = Server::bind(&[("127.0.0.1".to_owned(), 0)]).await.unwrap();
    let stop = CancellationToken::new();
    server.serve(&Arc::new(exporter), &stop);
    (server, stop, begun, release)
}

#[tokio::test(flavor = "multi_thread")]
async fn scrape_in_flight_is_answered_while_the_worker_stops() {
    let (server, stop, begun, release) = held().await;
    let address = server.addresses()[0];
    let scrape = tokio::spawn(async move { get(address, "/metrics", "*/*").await.0 });
    tokio::task::block_in_place(|| begun.recv().unwrap());
    stop.cancel();
    let stopping = tokio::spawn(server.stop());
    release.send(()).unwrap();
    assert_eq!(scrape.await.unwrap(), 200);
    stopping.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn scrape_that_hangs_does_not_hold_the_stop_up() {
    let (server, stop, begun, release) = held().await;
    let address = server.addresses()[0];
    let scrape = tokio::spawn(async move { get(address, "/metrics", "*/*").await.0 });
    tokio::task::block_in_place(|| begun.recv().unwrap());
    stop.cancel();
    // It returns although the scrape is still held.
    server.stop().await;
    assert!(!scrape.is_finished());
    drop(release);
    scrape.await.unwrap();
}
