//! One client connection: a request is read, handled and answered, then the next.
//!
//! As much of an HTTP/1.1 server as the gateway needs, since every request pays for it: what comes is
//! parsed by `httparse` where it lies, a body is read into one piece, an answer leaves in one write, and
//! a stream's events are passed on as they come. A client that hangs up ends its request at once.

mod head;
mod inbound;
mod outbound;

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};
use std::time::Duration;

use http::{Method, Response, Version};
use tokio::io::AsyncWrite;
use tokio_util::sync::CancellationToken;

use self::head::{Head, Refusal};
use self::outbound::{Ends, Outbound};
use crate::base::{Fault, FaultKind};
use crate::proxy::body::Body;
use crate::proxy::connection::Watched;
use crate::proxy::respond::{Client, respond};
use crate::proxy::service::Service;

pub use self::inbound::{BodyError, ClientBody};

/// How long a client that still sends is listened to after it was told that we hang up: a connection
/// closed upon unread bytes takes the answer with it.
const LINGER: Duration = Duration::from_secs(2);

/// One connection.
struct Connection {
    service: Service,
    /// The socket, and what the client says.
    client: ClientBody,
    out: Outbound,
    stop: CancellationToken,
}

/// What of an answer depends on its request.
#[derive(Debug, Clone, Copy)]
struct Manner {
    to_head: bool,
    is_old: bool,
    keeps: bool,
}

/// Serves a connection until its client hangs up, or until it is idle after `stop`.
pub(super) async fn serve(socket: Watched, service: Service, stop: CancellationToken) {
    let cut = service.shared().cut.clone();
    let stopped = stop.clone();
    let connection = Connection {
        service,
        client: ClientBody::new(socket),
        out: Outbound::default(),
        stop,
    };
    let (mut stopped, mut cut) = (pin!(stopped.cancelled()), pin!(cut.cancelled()));
    let mut served = pin!(connection.run());
    let mut rings = false;
    poll_fn(|cx| {
        if !rings {
            // Asked once: both then wake this task, and whoever waits in it looks at the tokens.
            rings = stopped.as_mut().poll(cx).is_pending() && cut.as_mut().poll(cx).is_pending();
        }
        served.as_mut().poll(cx)
    })
    .await;
}

impl Connection {
    async fn run(mut self) {
        loop {
            let next = poll_fn(|cx| self.client.lock().poll_head(self.is_stopping(), cx)).await;
            let goes_on = match next {
                Some(Ok(head)) => self.turn(head).await,
                Some(Err(refusal)) => self.refuse(refusal).await,
                None => Ok(false),
            };
            // A broken socket is the client's business; the request has settled.
            if !goes_on.unwrap_or(false) {
                return;
            }
        }
    }

    /// One request and its answer. Gives whether another may follow.
    async fn turn(&mut self, head: Head) -> io::Result<bool> {
        let Head { parts, keeps, .. } = head;
        let (to_head, is_old) = (
            parts.method == Method::HEAD,
            parts.version == Version::HTTP_10,
        );
        let serving = self.service.begin();
        let response = {
            let mut handled = pin!(self.service.call(parts, &self.client));
            poll_fn(|cx| match handled.as_mut().poll(cx) {
                Poll::Ready(response) => Poll::Ready(Some(response)),
                Poll::Pending if self.client.lock().poll_gone(cx) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            })
            .await
        };
        let Some(response) = response else {
            return Ok(false);
        };
        let was_read = self.client.lock().skip_body();
        let keeps = keeps && was_read && !self.is_stopping();
        let manner = Manner {
            to_head,
            is_old,
            keeps,
        };
        let keeps = self.answer(response, manner).await?;
        drop(serving);
        if !was_read {
            self.linger().await;
        }
        Ok(keeps && !self.is_stopping())
    }

    /// Tells a client that what it sent is no request, and hangs up.
    async fn refuse(&mut self, refusal: Refusal) -> io::Result<bool> {
        let fault = Fault::new(FaultKind::InvalidRequest, refusal.text);
        let mut response = respond(Client::OpenAi, &fault);
        *response.status_mut() = refusal.status;
        let manner = Manner {
            to_head: false,
            is_old: false,
            keeps: false,
        };
        self.answer(response, manner).await?;
        self.linger().await;
        Ok(false)
    }

    /// Writes an answer. Gives whether the connection may be used again.
    async fn answer(&mut self, response: Response<Body>, manner: Manner) -> io::Result<bool> {
        let (parts, mut body) = response.into_parts();
        let ends = outbound::ends(parts.status, manner.to_head, manner.is_old, body.length());
        let keeps = manner.keeps && ends != Ends::Close;
        let connection: Option<&[u8]> = match (keeps, manner.is_old) {
            (true, false) => None,
            (true, true) => Some(b"keep-alive"),
            (false, _) => Some(b"close"),
        };
        let (lines, date) = (&body.lines, self.service.date());
        self.out.head(&parts, lines, ends, connection, &date);
        if ends == Ends::Bodiless {
            self.flush().await?;
        } else if let Some(whole) = body.whole() {
            self.out.whole(whole);
            self.flush().await?;
        } else {
            self.stream(&mut body, ends).await?;
        }
        Ok(keeps)
    }

    /// Writes what waits.
    async fn flush(&mut self) -> io::Result<()> {
        let (out, client) = (&mut self.out, &self.client);
        poll_fn(|cx| out.poll_write(Pin::new(&mut client.lock().socket), cx)).await
    }

    /// Passes a body on as it comes: all that is there in one write, and no more is asked for until it has
    /// gone.
    async fn stream(&mut self, body: &mut Body, ends: Ends) -> io::Result<()> {
        let (out, client) = (&mut self.out, &self.client);
        let mut ended = false;
        poll_fn(|cx| {
            loop {
                if !ended {
                    ended = out.fill(body, ends, cx)?;
                }
                if out.len() > 0 {
                    ready!(out.poll_write(Pin::new(&mut client.lock().socket), cx))?;
                } else if ended {
                    return Poll::Ready(Ok(()));
                } else if client.lock().poll_gone(cx) {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                } else {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Hangs up as one does upon a client that is still sending: no more from us, and for a moment
    /// whatever comes is passed over.
    async fn linger(&self) {
        let over = async {
            let shut =
                poll_fn(|cx| Pin::new(&mut self.client.lock().socket).poll_shutdown(cx)).await;
            if shut.is_ok() {
                poll_fn(|cx| self.client.lock().poll_drain(cx)).await;
            }
        };
        // Heard out or not, it is closed now.
        drop(tokio::time::timeout(LINGER, over).await);
    }

    fn is_stopping(&self) -> bool {
        // The token locks; this is asked with every request.
        self.service.shared().draining.load(Ordering::Relaxed) && self.stop.is_cancelled()
    }
}
