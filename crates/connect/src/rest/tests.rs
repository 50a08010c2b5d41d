//! What is answered before the worker has read its topics, and what waits.

use axum::http::Request;

use super::*;

type Known = watch::Sender<Option<Arc<Context>>>;

fn door() -> (Door, Known) {
    let (known, context) = watch::channel(None);
    let identity =
        Identity { version: "v".to_owned(), commit: "c".to_owned(), cluster_id: "k".to_owned() };
    (Door { identity, context, extension: None }, known)
}

async fn get(door: &Door, path: &str) -> (u16, String) {
    let (parts, ()) = Request::get(path).body(()).unwrap().into_parts();
    let response = answer(door, &parts, Bytes::new()).await.into_response(&parts.headers);
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn starting_worker_says_who_it_is_and_that_it_starts() {
    let (door, _known) = door();
    let root = r#"{"version":"v","commit":"c","kafka_cluster_id":"k"}"#;
    assert_eq!(get(&door, "/").await, (200, root.to_owned()));
    let starting = r#"{"status":"starting","message":"Worker is still starting up."}"#;
    assert_eq!(get(&door, "/health").await, (503, starting.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn other_requests_wait_for_the_topics_up_to_connects_limit() {
    let (door, known) = door();
    let (status, body) = get(&door, "/connectors").await;
    assert_eq!(status, 500);
    assert!(body.contains("Request timed out. The worker is currently starting up"), "{body}");
    drop(known);
    let (status, body) = get(&door, "/connectors").await;
    assert_eq!(status, 500);
    assert!(body.contains("shutting down"), "{body}");
}

#[test]
fn the_base_of_a_location_has_the_listeners_scheme() {
    let request = Request::get("/connectors").header(HOST, "connect:8083").body(()).unwrap();
    let (mut parts, ()) = request.into_parts();
    assert_eq!(base(&parts), "http://connect:8083");
    parts.extensions.insert(Secure);
    assert_eq!(base(&parts), "https://connect:8083");
}
