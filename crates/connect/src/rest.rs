//! Connect's REST interface: one handler, a closed set of resources, one error shape.

mod body;
mod connector;
mod gate;
mod jackson;
mod logger;
mod media;
mod offset;
mod plugin;
mod respond;
mod root;
pub(crate) mod route;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use axum::middleware;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::error::WorkerError;
use crate::extension::{self, Extension, PageRequest, Rest};
use crate::herder::Shared;
use crate::herder::command::{Handle, PATIENCE, Refusal};
use crate::settings::{AdminListeners, WorkerSettings};
use gate::{Gate, Scope};
use respond::Answer;
use route::{PathError, Resource, Route};
use tls::TlsListener;

/// The largest body that is read; configurations have some kilobytes.
const LARGEST_BODY: usize = 4 << 20;

/// How long open connections may linger after the worker has stopped.
const LINGER: Duration = Duration::from_millis(500);

/// What every handler has.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) herder: Handle,
}

/// What `/` says of the worker; known as soon as a broker has answered.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) version: String,
    pub(crate) commit: String,
    pub(crate) cluster_id: String,
}

/// What is known of the worker, which listens before it has read its topics: `/` and `/health` are answered at once,
/// everything else when the rest is known.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) identity: Identity,
    pub(crate) context: watch::Receiver<Option<Arc<Context>>>,
    pub(crate) extension: Option<Arc<dyn Extension>>,
}

impl Door {
    fn is_open(&self) -> bool {
        self.context.borrow().is_some()
    }

    async fn context(&self) -> Result<Arc<Context>, Refusal> {
        let mut context = self.context.clone();
        let known = tokio::time::timeout(PATIENCE, context.wait_for(Option::is_some)).await;
        let known = known.map_err(|_late| {
            Refusal::new(500, "Request timed out. The worker is currently starting up.")
        })?;
        let known = known.ok().and_then(|context| context.clone());
        known.ok_or_else(|| Refusal::new(500, "Worker is shutting down"))
    }

    /// Answers one request as the port does, without the port: status and body.
    pub(crate) async fn ask(&self, method: Method, target: &str, body: Bytes) -> (u16, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(target).header(HOST, "localhost");
        if !body.is_empty() {
            let json = HeaderValue::from_static("application/json");
            request = request.header(CONTENT_LENGTH, body.len()).header(CONTENT_TYPE, json);
        }
        match request.body(()) {
            Ok(request) => answer(self, &request.into_parts().0, body).await.into_parts(),
            Err(_malformed) => (400, Vec::new()),
        }
    }
}

/// One request, taken apart.
struct Call<'a> {
    context: &'a Context,
    method: &'a Method,
    query: Vec<(String, String)>,
    body: Bytes,
    /// What the client calls this listener: `https://host:port`.
    base: &'a str,
}

impl Call<'_> {
    /// The last value of a query parameter.
    fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Java's `Boolean.parseBoolean` of a query parameter; an empty one is as good as none.
    fn flag(&self, key: &str, default: bool) -> bool {
        let given = self.query(key).filter(|value| !value.is_empty());
        given.map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }

    fn get(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// A socket, and what is served on it.
struct Bound {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    gate: Arc<Gate>,
}

/// The listening sockets.
pub(crate) struct Server {
    addresses: Vec<SocketAddr>,
    sockets: Vec<Bound>,
    serving: JoinSet<()>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the listeners. Connections wait until [`Self::serve`].
    pub(crate) async fn bind(settings: &WorkerSettings) -> Result<Self, WorkerError> {
        let rest = &settings.rest;
        let acceptor = rest.tls.as_ref().map(tls::acceptor).transpose()?;
        let (scope, own) = match &rest.admin {
            AdminListeners::Same => (Scope::Everything, &[][..]),
            AdminListeners::Off => (Scope::WithoutAdmin, &[][..]),
            AdminListeners::Own(own) => (Scope::WithoutAdmin, own.as_slice()),
        };
        let gates = [scope, Scope::Admin].map(|scope| Arc::new(Gate::new(rest, scope)));
        let [gate, admin] = &gates;
        let all = rest.listeners.iter().map(|listener| (listener, gate));
        let all = all.chain(own.iter().map(|listener| (listener, admin)));
        let (mut addresses, mut sockets) = (Vec::new(), Vec::new());
        for (listener, gate) in all {
            let host = if listener.host.is_empty() { "0.0.0.0" } else { &listener.host };
            let bound = TcpListener::bind((host, listener.port)).await;
            let bound = bound.and_then(|socket| Ok((socket.local_addr()?, socket)));
            let (address, socket) = bound.map_err(|source| WorkerError::Listen {
                address: format!("{host}:{}", listener.port),
                source,
            })?;
            addresses.push(address);
            let tls = acceptor.clone().filter(|_| listener.tls);
            sockets.push(Bound { socket, tls, gate: Arc::clone(gate) });
        }
        Ok(Self { addresses, sockets, serving: JoinSet::new() })
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answers until `stop` is cancelled.
    pub(crate) fn serve(&mut self, door: Door, stop: &CancellationToken) {
        let router = Router::new().fallback(handle).with_state(Arc::new(door));
        for Bound { socket, tls, gate } in self.sockets.drain(..) {
            let router = router.clone().layer(middleware::from_fn_with_state(gate, gate::pass));
            let stop = stop.clone();
            self.serving.spawn(async move {
                // `serve` retries failed accepts itself and returns after a shutdown only.
                let served = match tls {
                    None => {
                        axum::serve(socket, router)
                            .with_graceful_shutdown(stop.cancelled_owned())
                            .await
                    }
                    Some(acceptor) => {
                        let router = router.layer(axum::Extension(Secure));
                        axum::serve(TlsListener::new(socket, acceptor), router)
                            .with_graceful_shutdown(stop.cancelled_owned())
                            .await
                    }
                };
                drop(served);
            });
        }
    }

    /// Waits a moment for open connections.
    pub(crate) async fn stop(mut self) {
        let all = async { while self.serving.join_next().await.is_some() {} };
        if tokio::time::timeout(LINGER, all).await.is_err() {
            info!("connections were still open and are closed");
        }
    }
}

async fn handle(State(door): State<Arc<Door>>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, LARGEST_BODY).await;
    let path = parts.uri.path().to_owned();
    if let Some((extension, below)) = extension::of(door.extension.as_ref(), &path)
        && let Ok(body) = bytes
    {
        let request = PageRequest::new(parts, below.to_owned(), body);
        return extension.answer(request, Rest::new(Arc::clone(&door))).await.into_response();
    }
    let answer = match bytes {
        Ok(body) => answer(&door, &parts, body).await,
        Err(_unread) => Answer::error(&Refusal::new(413, "HTTP 413 Request Entity Too Large")),
    };
    let response = answer.into_response(&parts.headers);
    let (method, status, ms) =
        (&parts.method, response.status().as_u16(), started.elapsed().as_millis());
    info!(target: "connect::rest", %method, path, status, ms, "request");
    response
}

/// Marks the requests of a listener that speaks TLS.
#[derive(Debug, Clone, Copy)]
struct Secure;

/// Scheme, host and port as the client named them.
fn base(parts: &Parts) -> String {
    let scheme = if parts.extensions.get::<Secure>().is_some() { "https" } else { "http" };
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("{scheme}://{host}")
}

/// The order of refusals is Connect's: path, verb, type of the body, acceptable type of the answer.
async fn answer(door: &Door, parts: &Parts, body: Bytes) -> Answer {
    let (path, method, headers) = (parts.uri.path(), &parts.method, &parts.headers);
    if path == "*" {
        return Answer::empty(404);
    }
    let resource = match Route::parse(path) {
        Ok(Route(resource)) => resource,
        Err(PathError::Ambiguous) => return Answer::jetty(method),
        Err(PathError::Unknown) => return Answer::bare(404, "HTTP 404 Not Found"),
        Err(PathError::NotANumber) => {
            return Answer::error(&Refusal::new(404, "HTTP 404 Not Found"));
        }
    };
    let allowed = resource.methods();
    if method == Method::OPTIONS {
        return Answer::options(allowed, headers);
    }
    if !allowed.contains(&method.as_str()) {
        return Answer::bare(405, "HTTP 405 Method Not Allowed");
    }
    let length =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let has_body =
        length.is_some_and(|length| length > 0) || headers.contains_key(TRANSFER_ENCODING);
    let base = base(parts);
    if let Err(refused) = media::check_content(headers, has_body) {
        return refused.answer(&base, path);
    }
    if !media::accepts_json(headers) {
        return Answer::bare(406, "HTTP 406 Not Acceptable");
    }
    match resource {
        Resource::Root => return root::root(&door.identity),
        Resource::Health => return root::health(door.is_open()),
        _ => {}
    }
    let answered = async {
        let context = door.context().await?;
        let query = route::query(parts.uri.query().unwrap_or_default());
        dispatch(Call { context: &context, method, query, body, base: &base }, resource).await
    };
    answered.await.unwrap_or_else(|refusal| Answer::error(&refusal))
}

async fn dispatch(call: Call<'_>, resource: Resource) -> Result<Answer, Refusal> {
    match resource {
        // Answered before anybody asks for the context.
        Resource::Root | Resource::Health => Err(Refusal::new(404, "HTTP 404 Not Found")),
        Resource::Connectors if call.get() => Ok(connector::list(&call)),
        Resource::Connectors => connector::create(&call).await,
        Resource::Connector(name) if call.get() => connector::info(&call, &name),
        Resource::Connector(name) => connector::delete(&call, name).await,
        Resource::Config(name) if call.get() => connector::config(&call, &name),
        Resource::Config(name) if call.method == Method::PUT => {
            connector::put_config(&call, name).await
        }
        Resource::Config(name) => connector::patch_config(&call, name).await,
        Resource::Status(name) => connector::status(&call, &name),
        Resource::Tasks(name) if call.get() => connector::tasks(&call, &name),
        Resource::Tasks(_) | Resource::Fence => {
            Err(Refusal::new(400, "Internal request missing required signature"))
        }
        Resource::TaskStatus(name, task) => connector::task_status(&call, &name, task),
        Resource::TaskRestart(name, task) => connector::restart_task(&call, name, task).await,
        Resource::Restart(name) => connector::restart(&call, name).await,
        Resource::Target(name, target) => connector::set_target(&call, name, target).await,
        Resource::Topics(name) => connector::topics(&call, &name),
        Resource::TopicsReset(name) => connector::reset_topics(&call, &name),
        Resource::Offsets(name) if call.get() => offset::list(&call, &name).await,
        Resource::Offsets(name) if call.method == Method::PATCH => offset::alter(&call, name).await,
        Resource::Offsets(name) => offset::reset(&call, name).await,
        Resource::Plugins => Ok(plugin::list(&call)),
        Resource::PluginConfig(class) => plugin::config(&call, &class),
        Resource::PluginValidate(class) => plugin::validate(&call, &class).await,
        Resource::Loggers => Ok(logger::list(&call)),
        Resource::Logger(name) if call.get() => logger::level(&call, &name),
        Resource::Logger(name) => logger::set(&call, name).await,
    }
}

#[cfg(test)]
mod tests;
