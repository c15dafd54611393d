//! What a failed try allows next: give up, leave the group, ask its siblings, or ask again; and how
//! long to wait before asking again.
//!
//! LiteLLM's rules, but a plain 400 or 422 from the group asked for goes to the client at once: a
//! request that one backend calls wrong is wrong for the next. (Context and content-policy refusals
//! are no such errors, and fall back.)

use std::time::Duration;

use fastrand::Rng;

use crate::base::{Fault, FaultKind};
use crate::config::RetryPolicy;

/// The first backoff; it doubles with each retry.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// The longest backoff of our own.
const LONGEST_DELAY: Duration = Duration::from_secs(8);
/// The longest `Retry-After` that is waited for.
const LONGEST_ASKED: Duration = Duration::from_mins(1);
/// At most this much is added by chance.
const JITTER_SECS: f64 = 0.75;

/// What may follow a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// Tell the client.
    Give,
    /// Nobody in this group will do better; fallbacks may.
    Leave,
    /// This deployment will not do better; its siblings may.
    Siblings,
    /// Any may do better, this one too.
    Again,
}

/// What may follow this fault. `asked_group`: the try was for the group the client asked for.
pub(super) fn course(fault: &Fault, policy: &RetryPolicy, asked_group: bool) -> Course {
    let usual = match fault.kind {
        FaultKind::Refused if !is_clients(fault) => Course::Again,
        FaultKind::Refused if asked_group => Course::Give,
        FaultKind::Refused | FaultKind::ContextWindow | FaultKind::ContentPolicy => Course::Leave,
        FaultKind::UpstreamAuth
        | FaultKind::Payment
        | FaultKind::UpstreamNotFound
        | FaultKind::Unsupported => Course::Siblings,
        kind if kind.is_retryable() => Course::Again,
        _ => Course::Give,
    };
    // A count in `retry_policy` also makes retryable what is not.
    match (usual, limit_of(policy, fault.kind)) {
        (Course::Give | Course::Leave | Course::Siblings, Some(count)) if count > 0 => {
            Course::Again
        },
        _ => usual,
    }
}

/// What `retry_policy` says about a kind of fault.
pub(super) const fn limit_of(policy: &RetryPolicy, kind: FaultKind) -> Option<u32> {
    match kind {
        FaultKind::Refused => policy.bad_request,
        FaultKind::UpstreamAuth => policy.authentication,
        FaultKind::Timeout => policy.timeout,
        FaultKind::RateLimited => policy.rate_limit,
        FaultKind::ContentPolicy => policy.content_policy,
        FaultKind::UpstreamError
        | FaultKind::Overloaded
        | FaultKind::Reset
        | FaultKind::BadAnswer => policy.server,
        _ => None,
    }
}

/// The upstream calls the request itself wrong. (409 is a conflict that may pass.)
pub(super) fn is_clients(fault: &Fault) -> bool {
    fault.kind == FaultKind::Refused && fault.upstream_status != Some(409)
}

/// The request never reached a model, nor took time: moving on is no retry.
pub(super) const fn is_free(kind: FaultKind) -> bool {
    is_hosts(kind) || matches!(kind, FaultKind::Unsupported)
}

/// The whole host is at fault: its other deployments are no better.
pub(super) const fn is_hosts(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::Connect | FaultKind::HostDown)
}

/// Asking the same deployment again makes sense only when nobody healthy is left: it is away, it has
/// already cost a whole time-out, or it asked for a pause.
pub(super) const fn moves_on(fault: &Fault) -> bool {
    is_hosts(fault.kind)
        || matches!(fault.kind, FaultKind::Timeout | FaultKind::RateLimited)
        || fault.retry_after.is_some()
}

/// How long to wait before asking the same deployment again, `used` retries after the first try.
pub(super) fn backoff(fault: &Fault, used: u32, least: Duration, rng: &mut Rng) -> Duration {
    let jitter = Duration::from_secs_f64(JITTER_SECS * rng.f64());
    let asked = fault.retry_after;
    if let Some(asked) = asked.filter(|asked| !asked.is_zero() && *asked <= LONGEST_ASKED) {
        return asked + jitter;
    }
    let doubled = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(used.min(8)));
    doubled.max(least).min(LONGEST_DELAY) + jitter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_course() {
        use FaultKind as K;
        let table: [(&[K], Course); 4] = [
            (
                &[
                    K::InvalidRequest,
                    K::TooLarge,
                    K::ClientGone,
                    K::Refused,
                    K::Draining,
                    K::Busy,
                    K::Internal,
                ],
                Course::Give,
            ),
            (&[K::ContextWindow, K::ContentPolicy], Course::Leave),
            (
                &[
                    K::UpstreamAuth,
                    K::Payment,
                    K::UpstreamNotFound,
                    K::Unsupported,
                ],
                Course::Siblings,
            ),
            (
                &[
                    K::RateLimited,
                    K::Overloaded,
                    K::UpstreamError,
                    K::Connect,
                    K::Timeout,
                    K::Reset,
                    K::BadAnswer,
                    K::HostDown,
                ],
                Course::Again,
            ),
        ];
        let policy = RetryPolicy::default();
        for (kinds, expected) in table {
            for &kind in kinds {
                assert_eq!(
                    course(&Fault::new(kind, ""), &policy, true),
                    expected,
                    "{kind:?}"
                );
            }
        }
        let refused = Fault::new(K::Refused, "").status(400);
        assert_eq!(course(&refused, &policy, false), Course::Leave);
        let conflict = Fault::new(K::Refused, "").status(409);
        assert_eq!(course(&conflict, &policy, true), Course::Again);
    }

    #[test]
    fn a_policy_can_force_retries() {
        let policy = RetryPolicy {
            bad_request: Some(2),
            authentication: Some(0),
            ..RetryPolicy::default()
        };
        let refused = Fault::new(FaultKind::Refused, "");
        assert_eq!(course(&refused, &policy, true), Course::Again);
        let auth = Fault::new(FaultKind::UpstreamAuth, "");
        assert_eq!(course(&auth, &policy, true), Course::Siblings);
    }

    #[test]
    fn delays_double_and_listen_to_the_upstream() {
        let second = Duration::from_secs(1);
        let plain = Fault::new(FaultKind::UpstreamError, "");
        let asking = |secs| plain.clone().retry_after(Duration::from_secs(secs));
        // (fault, retries used, floor, least delay)
        let table = [
            (plain.clone(), 0, Duration::ZERO, second / 2),
            (plain.clone(), 1, Duration::ZERO, second),
            (plain.clone(), 2, Duration::ZERO, 2 * second),
            (plain.clone(), 9, Duration::ZERO, 8 * second),
            (plain.clone(), 0, 3 * second, 3 * second),
            (plain.clone(), 0, 30 * second, 8 * second),
            (asking(7), 0, Duration::ZERO, 7 * second),
            (asking(60), 0, Duration::ZERO, 60 * second),
            (asking(61), 0, Duration::ZERO, second / 2),
            (asking(0), 0, Duration::ZERO, second / 2),
        ];
        for seed in 0..50 {
            for (fault, used, floor, least) in &table {
                let mut rng = Rng::with_seed(seed);
                let delay = backoff(fault, *used, *floor, &mut rng);
                let most = *least + Duration::from_millis(750);
                assert!(
                    (*least..most).contains(&delay),
                    "{fault:?} {used}: {delay:?}"
                );
            }
        }
    }
}
