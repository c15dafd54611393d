//! What is read of requests, and what is sent on.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn head(body: &str) -> Head {
    Head::read(&Bytes::copy_from_slice(body.as_bytes()), Surface::Chat).unwrap()
}

fn fault(body: &str) -> Fault {
    Head::read(&Bytes::copy_from_slice(body.as_bytes()), Surface::Chat).unwrap_err()
}

#[test]
fn reads_what_routing_needs() {
    let head = head(
        r#"{"model":"gpt-4o","stream":true,"stream_options":{"x":1,"include_usage":true},
        "messages":[{"role":"user","content":"hi"}],"tags":["a","b"],
        "metadata":{"tags":["b","c"],"user_id":"m"},"litellm_metadata":{"tags":["d"],"user":"l"},
        "num_retries":3,"timeout":1.5,"request_timeout":9,"stream_timeout":4,"n":2,
        "max_tokens":7,"max_completion_tokens":8,"disable_fallbacks":true,"priority":-1,
        "tools":[{"type":"function"}],"drop_params":true,"additional_drop_params":["seed"],
        "litellm_session_id":"s","litellm_trace_id":"t"}"#,
    );
    assert_eq!(head.model, "gpt-4o");
    assert!(head.stream && head.include_usage && head.tools && !head.images);
    assert_eq!(head.tags, ["a", "b", "c", "d"]);
    assert_eq!(head.end_user.as_deref(), Some("l"));
    assert_eq!(head.num_retries, Some(3));
    assert_eq!(head.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(head.stream_timeout, Some(Duration::from_secs(4)));
    assert_eq!((head.n, head.max_tokens), (Some(2), Some(8)));
    assert!(head.disable_fallbacks);
    assert_eq!(head.priority, Some(-1));
    assert_eq!(head.drop_params, Some(true));
    assert_eq!(head.additional_drop_params, ["seed"]);
    assert_eq!(head.session.as_deref(), Some("s"));
    assert_eq!(head.trace.as_deref(), Some("t"));
}

#[test]
fn the_end_user_is_found_in_order() {
    let cases = [
        (r#""user":"u","safety_identifier":"s""#, Some("u")),
        (r#""user":"","metadata":{"user_id":"m"}"#, Some("m")),
        (
            r#""metadata":{"user_id":"m"},"safety_identifier":"s""#,
            Some("m"),
        ),
        (r#""safety_identifier":"s""#, Some("s")),
        (r#""user":17"#, Some("17")),
        (r#""user":null"#, None),
    ];
    for (members, wanted) in cases {
        let head = head(&format!(r#"{{"model":"m",{members}}}"#));
        assert_eq!(head.end_user.as_deref(), wanted, "{members}");
    }
}

#[test]
fn fallbacks_come_in_three_spellings() {
    let read = |text: &str| head(&format!(r#"{{"model":"m","fallbacks":{text}}}"#)).fallbacks;
    let name = |name: &str| Fallback::Name(name.to_owned());
    assert_eq!(
        read(r#"["a","b"]"#),
        Some(Fallbacks::Chain(vec![name("a"), name("b")]))
    );
    assert_eq!(
        read(r#"[{"m":["a","b"]},{"*":"c"}]"#),
        Some(Fallbacks::ByGroup(vec![
            ("m".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
            ("*".to_owned(), vec!["c".to_owned()]),
        ]))
    );
    let set = json!({"temperature":0});
    assert_eq!(
        read(r#"[{"model":"a","temperature":0,"api_key":"sk"},"b",{"model":"c"}]"#),
        Some(Fallbacks::Chain(vec![
            Fallback::With {
                model: "a".to_owned(),
                set: set.as_object().unwrap().clone(),
            },
            name("b"),
            name("c"),
        ]))
    );
    assert_eq!(read(r#""a""#), Some(Fallbacks::Chain(vec![name("a")])));
    assert_eq!(read("[]"), Some(Fallbacks::Chain(vec![])));
    assert_eq!(read("null"), None);
}

#[test]
fn faults_name_the_member_in_known_words() {
    let cases = [
        ("{}", "you must provide a model parameter", Some("model")),
        (
            r#"{"model":""}"#,
            "you must provide a model parameter",
            Some("model"),
        ),
        (
            r#"{"model":3}"#,
            "Invalid type for 'model': expected a string, but got a number instead.",
            Some("model"),
        ),
        (
            r#"{"model":"m","stream":"yes"}"#,
            "Invalid type for 'stream': expected a boolean, but got a string instead.",
            Some("stream"),
        ),
        (
            r#"{"model":"m","timeout":0}"#,
            "Invalid value for 'timeout': expected seconds above 0, but got 0.",
            Some("timeout"),
        ),
        (
            r#"{"model":"m","timeout":1e400}"#,
            "Invalid value for 'timeout': expected seconds above 0, but got 1e400.",
            Some("timeout"),
        ),
        (
            r#"{"model":"m","num_retries":-1}"#,
            "Invalid value for 'num_retries': expected a whole number from 0, but got -1.",
            Some("num_retries"),
        ),
        (
            r#"{"model":"m","tags":[1]}"#,
            "Invalid type for 'tags': expected an array of strings, but got a number instead.",
            Some("tags"),
        ),
        (
            r#"{"model":"m","metadata":"x"}"#,
            "Invalid type for 'metadata': expected an object, but got a string instead.",
            Some("metadata"),
        ),
        (
            r#"{"model":"#,
            "We could not parse the JSON body of your request: unexpected end of input at line 1 \
             column 10",
            None,
        ),
        (
            "",
            "We could not parse the JSON body of your request: the body is empty",
            None,
        ),
        (
            r#"{"model":"a","model":"b"}"#,
            "We could not parse the JSON body of your request: duplicate member `model` at line 1 \
             column 15",
            None,
        ),
    ];
    for (body, message, param) in cases {
        let fault = fault(body);
        assert_eq!(fault.message, message);
        assert_eq!(fault.param.as_deref(), param, "{body}");
        assert_eq!(fault.kind, crate::base::FaultKind::InvalidRequest);
    }
    for bad in [
        "3",
        r"[3]",
        r#"["a",{"m":["b"]}]"#,
        r#"[{"m":3}]"#,
        r#"[{"m":[3]}]"#,
    ] {
        let fault = fault(&format!(r#"{{"model":"m","fallbacks":{bad}}}"#));
        assert_eq!(fault.param.as_deref(), Some("fallbacks"), "{bad}");
    }
}

#[test]
fn the_path_names_the_model() {
    let body = Bytes::from_static(br#"{"messages":[]}"#);
    let head = Head::read_for(&body, Surface::Chat, Some("m")).unwrap();
    assert_eq!(head.model, "m");
    let sent = head.relay_body(&body, &edit("up"));
    assert_eq!(&sent[..], br#"{"messages":[],"model":"up"}"#);
}

#[test]
fn pictures_are_seen_and_not_counted() {
    let size = |content: &str| {
        let head = head(&format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#
        ));
        (head.prompt_bytes, head.images)
    };
    let (text, none) = size(r#""image of a \"image\" ""#);
    assert!(!none && text > 20);
    let data = "A".repeat(10_000);
    let (bytes, images) = size(&format!(
        r#"[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]"#
    ));
    assert!(images && bytes < 200, "{bytes}");
    let (bytes, images) = size(&format!(
        r#"[{{"type": "image", "source":{{"type":"base64","data": "{data}"}}}}]"#
    ));
    assert!(images && bytes < 200, "{bytes}");
}

static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

fn edit(model: &str) -> RelayEdit<'_> {
    RelayEdit {
        model,
        defaults: &NONE,
        set: None,
        drop: &[],
        include_usage: false,
        max_completion_tokens: false,
    }
}

fn relayed(body: &str, edit: &RelayEdit<'_>) -> String {
    relayed_on(Surface::Chat, body, edit)
}

fn relayed_on(surface: Surface, body: &str, edit: &RelayEdit<'_>) -> String {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let head = Head::read(&bytes, surface).unwrap();
    String::from_utf8(head.relay_body(&bytes, edit).to_vec()).unwrap()
}

#[test]
fn only_the_model_changes_in_a_plain_request() {
    let body = r#"{ "model": "mine", "temperature":0.10, "seed": 12345678901234567890123, "messages" : [ {"role":"user","content":"\u00e9"} ] }"#;
    assert_eq!(
        relayed(body, &edit("theirs")),
        body.replace("mine", "theirs")
    );
    // Nothing to change: the same allocation.
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let head = Head::read(&bytes, Surface::Chat).unwrap();
    assert_eq!(
        head.relay_body(&bytes, &edit("mine")).as_ptr(),
        bytes.as_ptr()
    );
}

#[test]
fn own_members_are_cut() {
    let body = r#"{"tags":["a"],"model":"m","fallbacks":["b"],"num_retries":1,"messages":[],"litellm_x":1,"mock_testing_fallbacks":true,"user":"u","metadata":{"k":"v"},"timeout":3}"#;
    assert_eq!(
        relayed(body, &edit("m")),
        r#"{"model":"m","messages":[],"user":"u"}"#
    );
}

#[test]
fn metadata_stays_where_it_is_the_upstreams() {
    let kept = r#"{"model":"m","store":true,"metadata":{"k":"v"}}"#;
    assert_eq!(relayed(kept, &edit("m")), kept);
    let mixed = r#"{"model":"m","metadata":{"tags":["a"],"k":"v","litellm_y":{}},"store":true}"#;
    assert_eq!(
        relayed(mixed, &edit("m")),
        r#"{"model":"m","metadata":{"k":"v"},"store":true}"#
    );
    let only_ours = r#"{"model":"m","metadata":{"tags":["a"]},"store":true}"#;
    assert_eq!(
        relayed(only_ours, &edit("m")),
        r#"{"model":"m","store":true}"#
    );
    let anthropic = r#"{"model":"m","metadata":{"user_id":"u","tags":["a"]}}"#;
    assert_eq!(
        relayed_on(Surface::Messages, anthropic, &edit("m")),
        r#"{"model":"m","metadata":{"user_id":"u"}}"#
    );
    assert_eq!(relayed(anthropic, &edit("m")), r#"{"model":"m"}"#);
}

#[test]
fn usage_is_asked_for_in_streams() {
    let ask = RelayEdit {
        include_usage: true,
        ..edit("m")
    };
    let cases = [
        (
            r#"{"model":"m","stream":true}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream_options":{"x":1},"stream":true}"#,
            r#"{"model":"m","stream_options":{"x":1,"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"model":"m","stream_options":{},"stream":true}"#,
            r#"{"model":"m","stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"model":"m","stream_options":{"include_usage":false},"stream":true}"#,
            r#"{"model":"m","stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"model":"m","stream_options":null,"stream":true}"#,
            r#"{"model":"m","stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"model":"m","stream":false}"#,
            r#"{"model":"m","stream":false}"#,
        ),
        (r#"{"model":"m"}"#, r#"{"model":"m"}"#),
    ];
    for (body, wanted) in cases {
        assert_eq!(relayed(body, &ask), wanted);
    }
    let messages = r#"{"model":"m","stream":true}"#;
    assert_eq!(relayed_on(Surface::Messages, messages, &ask), messages);
}

#[test]
fn a_drop_of_stream_options_vetoes_the_wish_for_usage() {
    let drop = ["stream_options".to_owned()];
    let edit = RelayEdit {
        include_usage: true,
        drop: &drop,
        ..edit("m")
    };
    let cases = [
        r#"{"model":"m","stream":true}"#,
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":false}}"#,
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
    ];
    for body in cases {
        assert_eq!(relayed(body, &edit), r#"{"model":"m","stream":true}"#);
    }
    let edit = RelayEdit { drop: &[], ..edit };
    assert_eq!(
        relayed(
            r#"{"model":"m","stream":true,"additional_drop_params":["stream_options"]}"#,
            &edit
        ),
        r#"{"model":"m","stream":true}"#
    );
}

#[test]
fn defaults_overrides_and_drops() {
    let defaults = json!({"temperature":0.2,"max_tokens":50,"seed":null});
    let set = json!({"messages":[1],"top_p":1});
    let drop = [
        "tools[*].function.strict".to_owned(),
        "logit_bias".to_owned(),
    ];
    let edit = RelayEdit {
        defaults: defaults.as_object().unwrap(),
        set: Some(set.as_object().unwrap()),
        drop: &drop,
        ..edit("m")
    };
    assert_eq!(
        relayed(
            r#"{"model":"m","messages":[],"temperature":null,"max_completion_tokens":9,"logit_bias":{},"tools":[{"function":{"name":"f","strict":true}}],"additional_drop_params":["x.y[1]"],"x":{"y":[1,2]}}"#,
            &edit
        ),
        r#"{"model":"m","messages":[1],"temperature":0.2,"max_completion_tokens":9,"tools":[{"function":{"name":"f"}}],"x":{"y":[1]},"top_p":1,"seed":null}"#
    );
}

#[test]
fn the_limit_gets_its_newer_name() {
    let new = RelayEdit {
        max_completion_tokens: true,
        ..edit("m")
    };
    assert_eq!(
        relayed(r#"{"model":"m","max_tokens":5}"#, &new),
        r#"{"model":"m","max_completion_tokens":5}"#
    );
    assert_eq!(
        relayed(
            r#"{"max_tokens":5,"model":"m","max_completion_tokens":6}"#,
            &new
        ),
        r#"{"model":"m","max_completion_tokens":6}"#
    );
}

/// Names of every kind: the gateway's, OpenAI's, unknown ones.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "cache",
            "guardrails",
            "litellm_x",
            "mock_testing_y",
            "no-log",
            "max_retries",
            "temperature",
            "top_p",
            "seed",
            "stop",
            "logit_bias",
            "stream_options",
            "max_tokens",
        ])
        .prop_map(str::to_owned),
        "[a-zä\"]{1,3}",
    ]
}

fn any_members() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<u16>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(|list| json!({ "a": list })),
    ];
    prop::collection::vec((any_name(), value), 0..10).prop_map(|list| list.into_iter().collect())
}

proptest! {
    #[test]
    fn a_relayed_body_is_what_a_tree_would_give(
        mut members in any_members(),
        defaults in any_members(),
        set in any_members(),
        drop in prop::collection::vec(any_name(), 0..3),
        pretty in any::<bool>(),
        stream in any::<bool>(),
        at in 0usize..10,
    ) {
        // `stream_options` has rules of its own, tested above; here it is an object or absent.
        if members.get("stream_options").is_some_and(|value| !value.is_object()) {
            members.shift_remove("stream_options");
        }
        let at = at.min(members.len());
        members.shift_insert(at, "model".to_owned(), "mine".into());
        members.insert("stream".to_owned(), stream.into());
        let text = if pretty {
            serde_json::to_vec_pretty(&members).unwrap()
        } else {
            serde_json::to_vec(&members).unwrap()
        };
        let body = Bytes::from(text);
        let edit = RelayEdit {
            defaults: &defaults,
            set: Some(&set),
            drop: &drop,
            include_usage: true,
            ..edit("theirs")
        };
        let head = Head::read(&body, Surface::Chat).unwrap();
        let got: Map<String, Value> =
            serde_json::from_slice(&head.relay_body(&body, &edit)).unwrap();

        let dropped = |name: &str| drop.iter().any(|dropped| dropped == name);
        let own = |name: &str| is_own(name) || (name == "stream_options");
        for name in set.keys().chain(members.keys()).chain(defaults.keys()) {
            if own(name) {
                continue;
            }
            let sent = members.get(name);
            let wanted = match (sent, set.get(name), defaults.get(name)) {
                (Some(_), ..) if dropped(name) => None,
                (Some(_), ..) if name == "model" => Some(json!("theirs")),
                (_, Some(set), _) => Some(set.clone()),
                (None | Some(Value::Null), None, Some(default))
                    if !(dropped(name) || name == "max_tokens" && head.max_tokens.is_some()) =>
                {
                    Some(default.clone())
                },
                (sent, None, _) => sent.cloned(),
            };
            prop_assert_eq!(got.get(name), wanted.as_ref(), "{}", name);
        }
        prop_assert!(got.keys().all(|name| !is_own(name)));
        if stream && !dropped("stream_options") && !set.contains_key("stream_options") {
            let asked = got.get("stream_options").and_then(|o| o.get("include_usage"));
            prop_assert_eq!(asked, Some(&json!(true)));
        }
    }

    #[test]
    fn no_body_makes_it_panic(
        members in any_members(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut text = serde_json::to_vec(&members).unwrap();
        let at = at.index(text.len());
        if let Some(slot) = text.get_mut(at) {
            *slot = byte;
        }
        let body = Bytes::from(text);
        if let Ok(head) = Head::read_for(&body, Surface::Chat, Some("m")) {
            let sent = head.relay_body(&body, &edit("up"));
            prop_assert!(scan::object(&sent).is_ok());
        }
    }
}
