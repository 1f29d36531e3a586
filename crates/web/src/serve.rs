//! Connections. HTTP/1.1 only: a proxy or CDN in front speaks the later ones with browsers, and a connection
//! that could become any of them takes several times the memory.

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tower::Service;

/// After an error that is not of one connection, such as too many open files.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers until `stop` says so; then what is being answered is answered. Handlers find the address of the
/// other end as [`ConnectInfo`].
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let (alive, mut last) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stop, alive) = (router.clone(), stop.clone(), alive.clone());
                tokio::spawn(async move {
                    if let Err(error) = attend(stream, peer, router, stop).await {
                        tracing::trace!(%peer, %error, "a connection broke off");
                    }
                    drop(alive);
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted: perhaps too many files are open");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop((listener, alive));
    // There is none once the last connection is gone.
    let _ = last.recv().await;
}

async fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    });
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = stopped => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
