//! A service that opens uploads: `POST /report` answers with the report, `POST /safetensors` with the weights.
//!
//! `cargo run --release -p flux-airlock --example gate -- [--listen ADDRESS] [--unverified] [--max-body BYTES]
//! [--at-once N] [--seconds N]`
//!
//! An upload is opened if it has every digest that the request gives as `x-airlock-pin: sha256:HEX`. Without one it is refused,
//! unless the service was started with `--unverified`. Who may say which digests are good is not this example's business:
//! stand it behind something that knows.
//!
//! Whatever comes in, memory is bounded by `--at-once` bodies of `--max-body` bytes; more uploads at a time are turned away.
//! A client has `--seconds` for its headers, as many for its body, and six times as many for all that it does over one
//! connection. Decoding runs on as many threads as there are
//! cores, away from those that wait for the network. `GET /metrics` is for Prometheus. On SIGTERM or SIGINT nothing more is
//! accepted, and what has begun is finished.

use std::{
    error::Error,
    future::{Future as _, poll_fn},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::Poll,
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bytes::Bytes;
use flux_airlock::{Airlock, Error as Refusal, Evidence, Input, Limits, Model, Pin, Rejected};
use flux_airlock_export::Safetensors;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{
    net::TcpListener,
    runtime,
    signal::unix::{SignalKind, signal},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let cores = thread::available_parallelism()?.get();
    let limits = Limits::builder().file_bytes(u64::try_from(options.max_body)?).memory_bytes(64 << 20).build()?;
    let airlock = Airlock::builder().limits(limits).build()?;
    let gate = Gate {
        airlock,
        at_once: Arc::new(Semaphore::new(options.at_once)),
        metrics: PrometheusBuilder::new().install_recorder()?,
        options,
    };
    // As many as memory is kept for: one that waits has no memory of a guest yet.
    let runtime = runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(cores).build()?;
    runtime.block_on(serve(Arc::new(gate)))
}

/// What the service was started with.
struct Options {
    listen: SocketAddr,
    unverified: bool,
    max_body: usize,
    at_once: usize,
    patience: Duration,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            unverified: false,
            max_body: 64 << 20,
            at_once: 32,
            patience: Duration::from_secs(10),
        };
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{name} wants a value"));
            match name.as_str() {
                "--listen" => options.listen = value()?.parse()?,
                "--unverified" => options.unverified = true,
                "--max-body" => options.max_body = value()?.parse()?,
                "--at-once" => options.at_once = value()?.parse()?,
                "--seconds" => options.patience = Duration::from_secs(value()?.parse()?),
                _ => return Err(format!("what is {name}?").into()),
            }
        }
        Ok(options)
    }
}

/// What all requests share.
struct Gate {
    airlock: Airlock,
    at_once: Arc<Semaphore>,
    metrics: PrometheusHandle,
    options: Options,
}

/// Serves until it is told to end, and finishes what has begun.
async fn serve(gate: Arc<Gate>) -> Result<(), Box<dyn Error>> {
    let patience = gate.options.patience;
    let listener = TcpListener::bind(gate.options.listen).await?;
    let address = listener.local_addr()?;
    let told = Arc::new(Notify::new());
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signal, told) = (signal(kind)?, Arc::clone(&told));
        tokio::spawn(async move {
            signal.recv().await;
            told.notify_one();
        });
    }
    // Idle connections cost little, and are not without number either.
    let connections = Arc::new(Semaphore::new(gate.options.at_once.saturating_mul(8)));
    let router = Router::new()
        .route(
            "/report",
            post(async |gate: Shared, head: HeaderMap, body: Body| upload(gate, head, body, report).await),
        )
        .route(
            "/safetensors",
            post(async |gate: Shared, head: HeaderMap, body: Body| upload(gate, head, body, safetensors).await),
        )
        .route("/metrics", get(async |State(gate): Shared| gate.metrics.render()))
        .with_state(gate);
    println!("listening on {address}");
    let graceful = GracefulShutdown::new();
    let mut told = pin!(told.notified());
    loop {
        // Whichever comes first: the end, or somebody.
        let accepted = poll_fn(|context| match told.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => listener.poll_accept(context).map(Some),
        });
        let Some(accepted) = accepted.await else { break };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: some will be given back.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Dropped, and so closed, where there are too many.
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else { continue };
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off is its own business, and one that does not take its answer is cut off.
            let _ = timeout(patience.saturating_mul(6), connection).await;
            drop(permit);
        });
    }
    drop(listener);
    let _ = timeout(patience.saturating_mul(3), graceful.shutdown()).await;
    println!("ended");
    Ok(())
}

type Shared = State<Arc<Gate>>;

/// What is made of a model.
type Answer = fn(&Model) -> Result<(&'static str, Vec<u8>), Box<dyn Error + Send + Sync>>;

/// One upload, from its headers to its answer.
async fn upload(State(gate): Shared, headers: HeaderMap, body: Body, answer: Answer) -> Response {
    let start = Instant::now();
    let (code, response) = match answered(&gate, &headers, body, answer).await {
        Ok(response) => ("opened".to_owned(), response),
        Err(Failure { code, status, body }) => {
            (code, (status, [(CONTENT_TYPE, "application/json")], body).into_response())
        }
    };
    // Codes are a closed list: no text of a client becomes a label.
    counter!("gate_uploads_total", "code" => code).increment(1);
    histogram!("gate_upload_seconds").record(start.elapsed());
    response
}

async fn answered(gate: &Arc<Gate>, headers: &HeaderMap, body: Body, answer: Answer) -> Result<Response, Failure> {
    let evidence = evidence(headers)?;
    if evidence.is_empty() && !gate.options.unverified {
        return Err(Failure::new("no-evidence", StatusCode::PRECONDITION_REQUIRED));
    }
    // Before a byte of the body is taken, since bodies are what costs memory.
    let permit = Arc::clone(&gate.at_once).try_acquire_owned();
    let permit = permit.map_err(|_| Failure::new("busy", StatusCode::SERVICE_UNAVAILABLE))?;
    gauge!("gate_uploads_at_once").increment(1);
    let _counted = OnDrop(|| gauge!("gate_uploads_at_once").decrement(1));

    let body = timeout(gate.options.patience, to_bytes(body, gate.options.max_body)).await;
    let body = body.map_err(|_| Failure::new("slow", StatusCode::REQUEST_TIMEOUT))?;
    // What else can go wrong with a body is a client that breaks off, who gets no answer whatever it is.
    let body = body.map_err(|_| Failure::new("too-long", StatusCode::PAYLOAD_TOO_LARGE))?;
    counter!("gate_bytes_total").increment(u64::try_from(body.len()).unwrap_or(u64::MAX));

    let gate = Arc::clone(gate);
    let opened = spawn_blocking(move || open(&gate, body.into(), &evidence, answer).map(|made| (made, permit))).await;
    let ((kind, bytes), permit) = opened.map_err(|_| Failure::new("internal", StatusCode::INTERNAL_SERVER_ERROR))??;
    // An answer takes part in what is there at once until the client has all of it.
    let answer = Bytes::from_owner(Held { bytes, _permit: permit });
    Ok(([(CONTENT_TYPE, kind)], answer).into_response())
}

/// Every digest that the request gives.
fn evidence(headers: &HeaderMap) -> Result<Evidence, Failure> {
    headers.get_all("x-airlock-pin").iter().try_fold(Evidence::new(), |evidence, value| {
        let pin = value.to_str().ok().and_then(|value| value.parse::<Pin>().ok());
        pin.map(|pin| evidence.and_pin(pin)).ok_or_else(|| Failure::new("pin", StatusCode::BAD_REQUEST))
    })
}

/// On a thread that may block: verified, decoded, checked, and made into what was asked for.
fn open(gate: &Gate, body: Vec<u8>, evidence: &Evidence, answer: Answer) -> Result<(&'static str, Vec<u8>), Failure> {
    let input = Input::bytes(body);
    let model = if evidence.is_empty() {
        gate.airlock.examine_unverified(input)
    } else {
        gate.airlock.examine(input, evidence)
    };
    let model = model.map_err(|rejected| Failure::rejected(&rejected))?;
    answer(&model).map_err(|_| Failure::new("unfit", StatusCode::UNPROCESSABLE_ENTITY))
}

fn report(model: &Model) -> Result<(&'static str, Vec<u8>), Box<dyn Error + Send + Sync>> {
    let mut json = Vec::new();
    model.report().write_json(&mut json, false)?;
    Ok(("application/json", json))
}

fn safetensors(model: &Model) -> Result<(&'static str, Vec<u8>), Box<dyn Error + Send + Sync>> {
    let mut bytes = Vec::new();
    Safetensors::new(model)?.write(&mut bytes)?;
    Ok(("application/octet-stream", bytes))
}

/// An upload that was not opened.
struct Failure {
    code: String,
    status: StatusCode,
    body: Vec<u8>,
}

impl Failure {
    fn new(code: &str, status: StatusCode) -> Self {
        Self { code: code.to_owned(), status, body: format!("{{\"code\":\"{code}\"}}\n").into_bytes() }
    }

    /// With the report, where there is one.
    fn rejected(rejected: &Rejected) -> Self {
        let Rejected { error, report, .. } = rejected;
        let status = match error {
            Refusal::NotVerified(_) => StatusCode::PRECONDITION_FAILED,
            Refusal::Limit(_) | Refusal::Malformed(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut failure = Self::new(error.code(), status);
        let mut json = Vec::new();
        if let Some(report) = report
            && report.write_json(&mut json, false).is_ok()
        {
            failure.body = json;
        }
        failure
    }
}

/// Bytes, and the right to have them in memory.
struct Held {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Does something at its end, however that comes.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
