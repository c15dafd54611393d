//! One request as a client sends it: a connection, the answer read to its end or to the client's.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::demo::traffic::Target;
use crate::demo::traffic::apps::Shot;

/// How long the client waits for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How much of an answer's end is kept to recognise how it ended.
const TAIL: usize = 600;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered in full.
    Served,
    /// An error status.
    Refused(StatusCode),
    /// The stream ended with an error, or without an end.
    Cut,
    /// The client hung up on purpose.
    Left,
    /// No answer.
    Unreached,
}

/// Sends `shot` and reads the answer.
pub(crate) async fn send(target: &Target, shot: &Shot) -> Outcome {
    let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(target.addr)).await;
    let Ok(Ok(stream)) = connecting else {
        return Outcome::Unreached;
    };
    let Ok((sender, connection)) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await
    else {
        return Outcome::Unreached;
    };
    let reading = tokio::time::timeout(shot.patience, exchange(sender, target, shot));
    let mut reading = std::pin::pin!(reading);
    let ended = tokio::select! {
        biased;
        ended = &mut reading => Some(ended),
        // The connection may end first; what it brought is still to be read.
        _ = connection => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => reading.await,
    };
    ended.ok().flatten().unwrap_or(Outcome::Unreached)
}

/// The request on its connection; `None` when the connection breaks before an answer.
async fn exchange(
    mut sender: SendRequest<Full<Bytes>>,
    target: &Target,
    shot: &Shot,
) -> Option<Outcome> {
    let answer = sender.send_request(request(target, shot)?).await.ok()?;
    let status = answer.status();
    let streamed = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let outcome = read(answer.into_body(), shot.leaves_after, streamed).await;
    Some(if status.is_success() {
        outcome
    } else {
        Outcome::Refused(status)
    })
}

fn request(target: &Target, shot: &Shot) -> Option<Request<Full<Bytes>>> {
    let key = target.key.as_ref().map_or("sk-any", |key| key.expose());
    let anthropic = shot.path == "/v1/messages";
    let mut builder = Request::post(shot.path)
        .header(header::HOST, target.addr.to_string())
        .header(header::USER_AGENT, shot.agent)
        .header(header::CONTENT_TYPE, "application/json");
    builder = if anthropic {
        builder
            .header("x-api-key", key)
            .header("anthropic-version", "2023-06-01")
    } else {
        builder.header(header::AUTHORIZATION, format!("Bearer {key}"))
    };
    if !shot.tags.is_empty() {
        builder = builder.header("x-litellm-tags", shot.tags);
    }
    builder
        .body(Full::new(Bytes::from(shot.body.to_string())))
        .ok()
}

/// Reads an answer; a stream must end as its dialect ends streams.
async fn read(mut body: Incoming, leaves_after: Option<usize>, streamed: bool) -> Outcome {
    let mut tail: Vec<u8> = Vec::new();
    let mut n_pieces = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Outcome::Cut;
        };
        let Some(bytes) = frame.data_ref() else {
            continue;
        };
        n_pieces += 1;
        if leaves_after.is_some_and(|most| n_pieces >= most) {
            return Outcome::Left;
        }
        tail.extend_from_slice(bytes);
        let surplus = tail.len().saturating_sub(TAIL);
        tail.drain(..surplus);
    }
    if streamed && !ended_well(&tail) {
        Outcome::Cut
    } else {
        Outcome::Served
    }
}

/// Whether a stream's last bytes are an end and not an error before one.
fn ended_well(tail: &[u8]) -> bool {
    let text = String::from_utf8_lossy(tail);
    let ended = text.contains("data: [DONE]") || text.contains("event: message_stop");
    let failed = text.contains("data: {\"error\"") || text.contains("event: error");
    ended && !failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_from_an_error() {
        assert!(ended_well(b"data: {\"choices\":[]}\n\ndata: [DONE]\n\n"));
        assert!(ended_well(
            b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
        ));
        assert!(!ended_well(
            b"data: {\"error\":{\"message\":\"x\"}}\n\ndata: [DONE]\n\n"
        ));
        assert!(!ended_well(
            b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
        ));
    }
}
