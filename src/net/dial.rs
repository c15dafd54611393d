//! Opens connections: name look-up, happy eyeballs, socket options, TLS.
//!
//! `TCP_USER_TIMEOUT` makes the kernel give up a connection whose bytes nobody acknowledges: that is
//! how a pulled cable is told from a model that thinks for long.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
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
/// How long a self-hosted server may leave our bytes unacknowledged.
const LOCAL_UNACKED: Duration = Duration::from_millis(1_500);
/// The same for a cloud, whose way is long and may lose packets.
const CLOUD_UNACKED: Duration = Duration::from_secs(10);

/// An open connection.
#[derive(Debug)]
pub enum Wire {
    /// In the clear.
    Plain(TcpStream),
    /// In TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens a connection to `origin`.
///
/// # Errors
/// Whatever look-up, connect or handshake answered; `TimedOut` after `within`.
pub async fn dial(origin: &Origin, tls: &Tls, within: Duration) -> io::Result<Wire> {
    match tokio::time::timeout(within, open(origin, tls)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no connection within {} ms", within.as_millis()),
        )),
    }
}

async fn open(origin: &Origin, tls: &Tls) -> io::Result<Wire> {
    let stream = match origin.host.parse::<IpAddr>() {
        Ok(address) => TcpStream::connect(SocketAddr::new(address, origin.port)).await?,
        Err(_not_an_address) => {
            let found = tokio::net::lookup_host((&*origin.host, origin.port)).await;
            let addresses: Vec<SocketAddr> = found
                .map_err(|error| {
                    io::Error::new(
                        error.kind(),
                        format!("no address for {}: {error}", origin.host),
                    )
                })?
                .collect();
            connect_any(&addresses).await?
        },
    };
    tune(&stream, origin.local)?;
    if !origin.tls {
        return Ok(Wire::Plain(stream));
    }
    let name = ServerName::try_from(origin.host.to_string())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = TlsConnector::from(tls.config())
        .connect(name, stream)
        .await?;
    Ok(Wire::Tls(Box::new(stream)))
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
    socket.set_tcp_user_timeout(Some(if local { LOCAL_UNACKED } else { CLOUD_UNACKED }))?;
    #[cfg(not(target_os = "linux"))]
    let _: (bool, Duration, Duration) = (local, LOCAL_UNACKED, CLOUD_UNACKED);
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
