//! Tags as a hard rule, through everything.

use super::kit::{World, falling, fault, tagged, targets};
use crate::base::FaultKind;
use crate::config::Router;

use FaultKind::Connect;

fn tagging(fallbacks: &str) -> Router {
    let mut router = falling(fallbacks);
    router.tags.enabled = true;
    router
}

#[test]
fn a_tagged_request_reaches_only_what_carries_all_its_tags() {
    let text = "chat local@h1 tags=pii,internal\nchat cloud@c1 tags=public";
    let mut world = World::new(text, tagging(""));
    for seed in 0..20 {
        let run = world.run(tagged("chat", &["pii", "team-7"]), seed, |_| {
            Some(fault(Connect))
        });
        assert!(
            run.steps.iter().all(|step| !step.starts_with("cloud")),
            "{:?}",
            run.steps
        );
    }
    world.down("local");
    let run = world.run(tagged("chat", &["pii"]), 1, |_| None);
    assert_eq!(
        run.steps,
        ["local: all down, trying anyway"],
        "down, but never forbidden"
    );
}

#[test]
fn a_forbidden_request_is_refused_naming_what_would_have_fitted() {
    let text = "fast local@h1 tags=pii,internal\nsmart cloud@c1 tags=public";
    let mut world = World::new(text, tagging("smart -> cloud"));
    let run = world.run(tagged("smart", &["pii", "team-7"]), 1, |_| None);
    let refused = run.end.unwrap_err();
    assert_eq!((run.tries.len(), refused.kind), (0, FaultKind::Forbidden));
    assert_eq!(
        refused.message,
        "Not allowed to access model due to tags configuration. Passed model=smart and \
         tags=[pii, team-7]. Deployments that carry all of [pii] serve: fast."
    );
    let run = world.run(tagged("smart", &["pii", "public"]), 1, |_| None);
    let message = run.end.unwrap_err().message;
    assert!(
        message.ends_with("No deployment carries all of [pii, public]."),
        "{message}"
    );
}

#[test]
fn tags_hold_on_fallbacks_aliases_ids_and_defaults() {
    let text = "smart cloud@c1 tags=public\nfast local@h1 tags=pii\nother o@c2";
    let mut router = tagging("smart -> other fast");
    router.aliases.insert("s".into(), ("smart".into(), false));
    router.default_fallbacks = targets("other fast");
    for model in ["smart", "s", "cloud", "unknown"] {
        let mut world = World::new(text, router.clone());
        let run = world.run(tagged(model, &["pii"]), 1, |_| None);
        assert_eq!(run.steps.len(), 1, "{model}");
        assert!(
            run.steps[0].starts_with("local: fallback from"),
            "{model}: {:?}",
            run.steps
        );
    }
    let mut world = World::new(text, router);
    assert_eq!(
        world.run(tagged("smart", &["pii"]), 1, |_| None).steps,
        ["local: fallback from other: tags"],
        "the default ones of `other` come before what is left of `smart`'s"
    );
}

#[test]
fn untagged_requests_use_the_default_ones_even_when_they_are_down() {
    let text = "chat a@h1 tags=default\nchat b@h2 tags=paid\nfree c@h3 tags=paid";
    let mut world = World::new(text, tagging(""));
    world.down("a");
    let run = world.run(tagged("chat", &["for-accounting"]), 1, |_| {
        Some(fault(Connect))
    });
    assert_eq!(run.steps, ["a: all down, trying anyway"]);
    assert_eq!(
        world.go("free", &[]).steps,
        ["c: only one"],
        "no default there: all"
    );
}
