//! Opens connections: name look-up, happy eyeballs, socket options, TLS.
//!
//! `TCP_USER_TIMEOUT` makes the kernel give up a connection whose bytes nobody takes. It cannot tell a
//! cut cable from a server that reads a long prompt slowly, so it is long: that a self-hosted server is
//! gone is found out by probes, long before.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::Origin;
use crate::net::tls::Tls;

/// How long one address may take before the next one is tried beside it.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);
/// For a TLS handshake, beside the time for the connection.
const HANDSHAKE: Duration = Duration::from_secs(4);
/// Least time for the look-up of a cloud's name. (A self-hosted one's has the time of its connection:
/// looking up `box.local` hangs when the box is off.)
const LOOK_UP: Duration = Duration::from_secs(3);
/// How long a self-hosted server may leave our bytes unread: one request at a time is served, and a
/// long prompt waits behind a long answer.
const LOCAL_UNREAD: Duration = Duration::from_mins(5);
/// The same for a cloud, which is not probed: this is what tells that it is gone.
const CLOUD_UNREAD: Duration = Duration::from_secs(30);

/// An open connection.
#[derive(Debug)]
pub enum Wire {
    /// In the clear.
    Plain(TcpStream),
    /// In TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens a connection to `origin`. `connect_within` is for TCP alone; look-up and TLS have limits of
/// their own.
///
/// # Errors
/// Whatever look-up, connect or handshake answered; `TimedOut` when one of them took too long.
pub async fn dial(origin: &Origin, tls: &Arc<Tls>, connect_within: Duration) -> io::Result<Wire> {
    let stream = reach(origin, connect_within).await?;
    tune(&stream, origin.local)?;
    if !origin.tls {
        return Ok(Wire::Plain(stream));
    }
    let name = ServerName::try_from(origin.host.to_string())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let connector = TlsConnector::from(settings(tls).await?);
    let shaken = within(
        HANDSHAKE,
        "no TLS handshake",
        connector.connect(name, stream),
    )
    .await?;
    Ok(Wire::Tls(Box::new(shaken)))
}

/// Opens a plain connection and says nothing on it.
///
/// # Errors
/// As [`dial`].
pub async fn reach(origin: &Origin, connect_within: Duration) -> io::Result<TcpStream> {
    let addresses = look_up(origin, connect_within).await?;
    within(connect_within, "no connection", connect_any(&addresses)).await
}

/// Waits for a step, but not for longer than `limit`.
async fn within<T>(
    limit: Duration,
    what: &str,
    step: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match tokio::time::timeout(limit, step).await {
        Ok(result) => result,
        Err(_elapsed) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{what} within {} ms", limit.as_millis()),
        )),
    }
}

async fn look_up(origin: &Origin, connect_within: Duration) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = origin.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, origin.port)]);
    }
    let limit = if origin.local {
        connect_within
    } else {
        connect_within.max(LOOK_UP)
    };
    let step = tokio::net::lookup_host((&*origin.host, origin.port));
    let found = within(limit, "no answer from the name server", step).await;
    let found = found.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("no address for {}: {error}", origin.host),
        )
    })?;
    Ok(found.collect())
}

/// The TLS settings; the first time, the system's roots are read, which would hold up a worker.
async fn settings(tls: &Arc<Tls>) -> io::Result<Arc<ClientConfig>> {
    if tls.is_loaded() {
        return Ok(tls.config());
    }
    let tls = Arc::clone(tls);
    let loading = tokio::task::spawn_blocking(move || tls.config());
    loading.await.map_err(io::Error::other)
}

/// The first of `addresses` that answers; each later one starts a moment after the one before, or at
/// once when that one failed.
async fn connect_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter().copied();
    let mut dialing = FuturesUnordered::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = waiting.next() {
            dialing.push(TcpStream::connect(address));
        } else if dialing.is_empty() {
            return Err(last);
        }
        let more = waiting.len() > 0;
        tokio::select! {
            biased;
            Some(result) = dialing.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            },
            () = tokio::time::sleep(NEXT_ADDRESS_AFTER), if more => {},
        }
    }
}

fn tune(stream: &TcpStream, local: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(15));
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    let keepalive = keepalive
        .with_interval(Duration::from_secs(5))
        .with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(if local { LOCAL_UNREAD } else { CLOUD_UNREAD }))?;
    #[cfg(not(target_os = "linux"))]
    let _: (bool, Duration, Duration) = (local, LOCAL_UNREAD, CLOUD_UNREAD);
    Ok(())
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slow_handshake_is_not_held_against_the_connection() {
        // It listens and never says a word of TLS.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let origin = Origin::of(&base, true).unwrap();
        let began = tokio::time::Instant::now();
        let error = dial(&origin, &Arc::default(), Duration::from_millis(500))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "no TLS handshake within 4000 ms");
        assert!(began.elapsed() >= HANDSHAKE, "{:?}", began.elapsed());
    }
}
