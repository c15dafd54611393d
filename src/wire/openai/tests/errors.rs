//! Error bodies of real servers.

use crate::wire::openai::parse_error;

#[track_caller]
fn check(status: u16, body: &str, message: &str, kind: &str, rest: (Option<u16>, &str, &str)) {
    let found = parse_error(status, body.as_bytes());
    assert_eq!(found.message, message);
    assert_eq!(found.kind, kind);
    assert_eq!(
        (found.status, found.code.as_str(), found.param.as_str()),
        rest
    );
}

#[test]
fn objects_under_error() {
    check(
        404,
        r#"{"error":{"message":"The model `x` does not exist.","type":"NotFoundError","param":"model","code":404}}"#,
        "The model `x` does not exist.",
        "NotFoundError",
        (Some(404), "", "model"),
    );
    check(
        400,
        r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        "too long",
        "invalid_request_error",
        (None, "context_length_exceeded", "messages"),
    );
    check(
        400,
        r#"{"error":{"code":400,"message":"request (30017 tokens) exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":30017,"n_ctx":4096}}"#,
        "request (30017 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "exceed_context_size_error",
        (Some(400), "", ""),
    );
    check(
        429,
        r#"{"error":{"message":"litellm.RateLimitError: slow","type":"rate_limit_error","param":null,"code":"429"}}"#,
        "litellm.RateLimitError: slow",
        "rate_limit_error",
        (Some(429), "", ""),
    );
    check(
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        "Overloaded",
        "overloaded_error",
        (None, "", ""),
    );
    check(
        429,
        r#"[{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}}]"#,
        "Quota",
        "RESOURCE_EXHAUSTED",
        (Some(429), "", ""),
    );
}

#[test]
fn a_document_inside_a_message() {
    check(
        400,
        r#"{"error":{"message":"{\"error\":{\"code\":400,\"message\":\"request (30017 tokens) exceeds the available context size (4096 tokens), try increasing it\",\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":30017,\"n_ctx\":4096}}","type":"invalid_request_error","param":null,"code":null}}"#,
        "request (30017 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "exceed_context_size_error",
        (Some(400), "", ""),
    );
}

#[test]
fn other_shapes() {
    let none = (None, "", "");
    check(401, r#"{"error":"Unauthorized"}"#, "Unauthorized", "", none);
    check(404, r#"{"detail":"Not Found"}"#, "Not Found", "", none);
    check(
        422,
        r#"{"detail":[{"type":"missing","loc":["body","messages",0],"msg":"Field required"}]}"#,
        "body.messages.0: Field required",
        "missing",
        none,
    );
    check(
        400,
        r#"{"object":"error","message":"bad","type":"BadRequestError","param":null,"code":400}"#,
        "bad",
        "BadRequestError",
        (Some(400), "", ""),
    );
    check(500, r#"{"message":"boom"}"#, "boom", "", none);
    check(404, "404 page not found", "404 page not found", "", none);
    check(
        403,
        "",
        "the upstream answered 403 with an empty body",
        "",
        none,
    );
    check(
        502,
        "<html>\n<head><title>502 Bad Gateway</title></head>",
        "the upstream answered 502 with a web page: 502 Bad Gateway",
        "",
        none,
    );
    check(
        502,
        "<p>",
        "the upstream answered 502 with a web page",
        "",
        none,
    );
    check(500, r#"{"a":1}"#, r#"{"a":1}"#, "", none);
    check(500, "[]", "[]", "", none);
    check(500, "7", "7", "", none);
}

#[test]
fn long_and_deep_bodies_are_cut_short() {
    let found = parse_error(500, "x".repeat(5000).as_bytes());
    assert_eq!(found.message.chars().count(), 301);
    let deep = format!("{}1{}", "{\"error\":".repeat(60), "}".repeat(60));
    assert!(!parse_error(500, deep.as_bytes()).message.is_empty());
    assert!(!parse_error(500, b"\xff\xfe").message.is_empty());
}
