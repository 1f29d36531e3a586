use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use sha2::{Digest, Sha256};

use crate::SECOND;

/// How an object store treats who asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Well,
    /// As well, and as if it were far away.
    Slowly,
    /// Every answer is 500.
    Fails,
    /// No answer ever comes.
    Stalls,
    /// The connection breaks off in the middle of what it sends.
    CutsOff,
    /// It says that all is well, and keeps something else.
    Damages,
    /// It gives back less than it was given, and calls that the whole.
    Shortens,
    /// It wants other keys.
    Refuses,
}

/// An S3-compatible object store with one bucket, in memory. It speaks as much of the protocol as the program.
pub struct Bucket {
    pub url: String,
    state: Arc<Mutex<Held>>,
}

struct Held {
    manner: Manner,
    objects: BTreeMap<String, Bytes>,
    /// How many requests of each method there were.
    asked: BTreeMap<String, usize>,
}

type Shared = Arc<Mutex<Held>>;

fn lock(state: &Shared) -> MutexGuard<'_, Held> {
    state.lock().unwrap()
}

impl Bucket {
    /// On a port of its own; it ends with the test.
    pub fn start(manner: Manner) -> Self {
        let held = Held { manner, objects: BTreeMap::new(), asked: BTreeMap::new() };
        let state = Arc::new(Mutex::new(held));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/council", get(list))
            .route("/council/{*name}", any(object))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&state));
        thread::spawn(move || {
            crate::home::blocking(async {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
            });
        });
        Self { url, state }
    }

    /// What the program is told of it.
    pub fn variables(&self) -> Vec<(String, String)> {
        [
            ("BUCKET", "s3://council/media"),
            ("ENDPOINT", &self.url),
            ("ACCESS_KEY", "the-access-key"),
            ("SECRET_KEY", Self::SECRET_KEY),
        ]
        .map(|(name, value)| (format!("MOOTHALL_STORAGE_{name}"), value.to_owned()))
        .into()
    }

    pub const SECRET_KEY: &str = "the-heron-keeps-a-secret";

    pub fn treat(&self, manner: Manner) {
        lock(&self.state).manner = manner;
    }

    /// What it holds, by names below the folder of the media.
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        let held = lock(&self.state);
        let below = |name: &String| name.strip_prefix("media/").unwrap_or(name).to_owned();
        held.objects.iter().map(|(name, bytes)| (below(name), bytes.clone())).collect()
    }

    pub fn object(&self, name: &str) -> Option<Bytes> {
        lock(&self.state).objects.get(&format!("media/{name}")).cloned()
    }

    /// How many requests of this method it had.
    pub fn asked(&self, method: &str) -> usize {
        lock(&self.state).asked.get(method).copied().unwrap_or(0)
    }
}

/// The manner, after whatever it does to any request.
async fn meet(state: &Shared, method: &Method) -> Result<Manner, Response> {
    let manner = {
        let mut held = lock(state);
        *held.asked.entry(method.to_string()).or_default() += 1;
        held.manner
    };
    match manner {
        Manner::Fails => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Manner::Refuses => {
            let told = "<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>the-access-key</AWSAccessKeyId></Error>";
            Err((StatusCode::FORBIDDEN, told).into_response())
        }
        Manner::Stalls => {
            tokio::time::sleep(600 * SECOND).await;
            Err(StatusCode::GATEWAY_TIMEOUT.into_response())
        }
        Manner::Slowly => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(manner)
        }
        _ => Ok(manner),
    }
}

async fn object(
    State(state): State<Shared>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let manner = match meet(&state, &method).await {
        Ok(manner) => manner,
        Err(answer) => return answer,
    };
    match method {
        Method::PUT => put(&state, name, &headers, body, manner),
        Method::DELETE => {
            lock(&state).objects.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        Method::GET | Method::HEAD => {
            let found = lock(&state).objects.get(&name).cloned();
            found.map_or(StatusCode::NOT_FOUND.into_response(), |bytes| {
                give(bytes, &headers, manner, method == Method::HEAD)
            })
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// What does not arrive as it was sent is not taken, as a good store does.
fn put(state: &Shared, name: String, headers: &HeaderMap, body: Bytes, manner: Manner) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_signed = text("authorization").is_some_and(|value| value.contains("the-access-key/"));
    let is_as_sent = text("x-amz-content-sha256") == Some(&format!("{:x}", Sha256::digest(&body)));
    if !is_signed || !is_as_sent || text("x-amz-checksum-sha256").is_none() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let kept = match manner {
        Manner::Damages => body.iter().map(|byte| byte ^ 1).collect(),
        _ => body,
    };
    let tag = tag(&kept);
    lock(state).objects.insert(name, kept);
    [(header::ETAG, tag)].into_response()
}

fn tag(bytes: &Bytes) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{:x}\"", Sha256::digest(bytes))).unwrap()
}

fn give(mut bytes: Bytes, headers: &HeaderMap, manner: Manner, head_only: bool) -> Response {
    if manner == Manner::Shortens {
        bytes.truncate(bytes.len() / 2);
    }
    let length = bytes.len();
    let mut answer = Response::builder()
        .header(header::ETAG, tag(&bytes))
        .header(header::LAST_MODIFIED, "Thu, 23 Jul 2099 17:30:00 GMT");
    if let Some(range) = headers.get(header::RANGE) {
        let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let first: usize = first.parse().unwrap();
        let end = last.parse::<usize>().map_or(length, |last| (last + 1).min(length));
        if first >= length {
            return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
        }
        bytes = bytes.slice(first..end);
        answer = answer
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {first}-{}/{length}", end - 1));
    }
    answer = answer.header(header::CONTENT_LENGTH, bytes.len());
    let body = if head_only {
        Body::empty()
    } else if manner == Manner::CutsOff {
        let half = bytes.slice(..bytes.len() / 2);
        let pieces = [Ok(half), Err(std::io::Error::other("cut off"))];
        Body::from_stream(futures_util::stream::iter(pieces))
    } else {
        bytes.into()
    };
    answer.body(body).unwrap()
}

/// `ListObjectsV2`, few at a time, so that who lists has to go on.
async fn list(
    State(state): State<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Infallible> {
    const PAGE: usize = 20;
    if let Err(answer) = meet(&state, &Method::GET).await {
        return Ok(answer);
    }
    let prefix = query.get("prefix").cloned().unwrap_or_default();
    let after = query.get("continuation-token").cloned().unwrap_or_default();
    let held = lock(&state);
    let mut found =
        held.objects.iter().filter(|(name, _)| name.starts_with(&prefix) && **name > after).peekable();
    let mut entries = String::new();
    let mut last = String::new();
    for (name, bytes) in found.by_ref().take(PAGE) {
        entries += &format!(
            "<Contents><Key>{name}</Key><LastModified>2099-07-23T17:30:00.000Z</LastModified>\
             <ETag>\"1\"</ETag><Size>{}</Size></Contents>",
            bytes.len()
        );
        last.clone_from(name);
    }
    let more = if found.peek().is_some() {
        format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>")
    } else {
        "<IsTruncated>false</IsTruncated>".to_owned()
    };
    let answer = format!(
        "<?xml version=\"1.0\"?><ListBucketResult><Name>council</Name><Prefix>{prefix}</Prefix>\
         <KeyCount>1</KeyCount><MaxKeys>{PAGE}</MaxKeys>{more}{entries}</ListBucketResult>"
    );
    Ok(([(header::CONTENT_TYPE, "application/xml")], answer).into_response())
}
