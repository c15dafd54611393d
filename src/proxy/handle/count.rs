//! `/v1/messages/count_tokens`: asked of an Anthropic backend, estimated here for any other.
//!
//! The walk says who would get the prompt, and nobody else is shown it. A count that fails is no reason
//! to fail the client, nor to blame a backend: the estimate takes its place.

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::base::Side;
use crate::config::Dialect;
use crate::proxy::body::Body;
use crate::proxy::handle::Journey;
use crate::proxy::respond::respond;
use crate::proxy::settle::Draft;
use crate::route::{Step, Try};
use crate::token;
use crate::wire::anthropic;

impl Journey<'_> {
    /// Answers a request for a count.
    pub(super) async fn count_tokens(mut self, mut draft: Draft) -> Response<Body> {
        match self.next(&draft, None) {
            Step::Try(chosen) if Self::counts(&chosen, &draft) => {
                if let Some(Ok(served)) = self.attempt(&chosen, &mut draft).await {
                    return self.answer(served, draft);
                }
            },
            Step::Give(fault) if fault.side() == Side::Client => {
                draft.refused(&fault);
                return respond(self.client, &fault);
            },
            Step::Try(_) | Step::Wait { .. } | Step::Give(_) => {},
        }
        let prompt = self.asked.head().map_or(0, |head| head.prompt_bytes);
        let body = Bytes::from(anthropic::write_count(token::estimate(prompt).max(1)));
        draft.sent(body.len());
        let now = draft.shared.clock.mono();
        draft.served(200, now);
        let mut response = Response::new(Body::full(body));
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }

    /// Whether a backend is asked. The one trial after a cooldown is left to a real request: a count
    /// proves nothing.
    fn counts(chosen: &Try, draft: &Draft) -> bool {
        let backend = draft.setup.backend(chosen.deployment);
        !chosen.is_trial && backend.is_some_and(|backend| backend.dialect == Dialect::Anthropic)
    }
}
