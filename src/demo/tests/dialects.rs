//! Each server's answers parse as its real dialect, and its refusals are the real ones.

use serde_json::{Value, json};

use super::{LUCKY, Stage, chat, parse, sse};

#[tokio::test(start_paused = true)]
async fn ollama_speaks_its_dialect() {
    let stage = Stage::set(LUCKY).await;
    let (_, version) = stage.json("ollama-gpu", "/api/version", None).await;
    assert!(version["version"].is_string());
    let (_, tags) = stage.json("ollama-gpu", "/api/tags", None).await;
    assert_eq!(tags["models"].as_array().unwrap().len(), 3);
    let (_, before) = stage.json("ollama-gpu", "/api/ps", None).await;
    assert_eq!(before, json!({"models": []}));

    let text = stage
        .text("ollama-gpu", "/api/chat", &chat("qwen3:8b", true))
        .await;
    let lines: Vec<Value> = text.lines().map(parse).collect();
    let (last, pieces) = lines.split_last().unwrap();
    assert!(
        pieces
            .iter()
            .all(|line| line["done"] == false && line["message"]["role"] == "assistant")
    );
    assert!(
        pieces
            .iter()
            .any(|line| line["message"]["thinking"].is_string())
    );
    assert_eq!(
        (&last["done"], &last["done_reason"]),
        (&json!(true), &json!("stop"))
    );
    assert_eq!(last["eval_count"], json!(pieces.len()));
    let load = last["load_duration"].as_u64().unwrap();
    assert!(
        load > 1_000_000_000,
        "the first request loads the model: {load}"
    );

    let (status, plain) = stage
        .json("ollama-gpu", "/api/chat", Some(&chat("llama3.2:3b", false)))
        .await;
    assert_eq!(status, 200);
    assert!(plain["message"]["content"].as_str().unwrap().len() > 20);
    assert!(
        plain["prompt_eval_count"].as_u64().unwrap() > 5
            && plain["eval_count"].as_u64().unwrap() > 5
    );
    assert!(plain["created_at"].as_str().unwrap().ends_with('Z'));

    let (_, loaded) = stage.json("ollama-gpu", "/api/ps", None).await;
    assert_eq!(loaded["models"].as_array().unwrap().len(), 2);
    let wanted = json!({"model": "nomic-embed-text", "input": ["a", "b", "a"]});
    let (_, made) = stage.json("ollama-gpu", "/api/embed", Some(&wanted)).await;
    assert_eq!(made["embeddings"][0], made["embeddings"][2]);
    assert_ne!(made["embeddings"][0], made["embeddings"][1]);
    assert_eq!(made["embeddings"][0].as_array().unwrap().len(), 768);
    stage.strike().await;
}

#[tokio::test(start_paused = true)]
async fn vllm_speaks_its_dialect() {
    let stage = Stage::set(LUCKY).await;
    let model = "openai/gpt-oss-120b";
    assert_eq!(stage.ask("vllm", "/health", None).await.status(), 200);
    let (_, models) = stage.json("vllm", "/v1/models", None).await;
    assert_eq!(models["data"][0]["max_model_len"], 32_768);

    let events = sse(&stage
        .text("vllm", "/v1/chat/completions", &chat(model, true))
        .await);
    assert_eq!(events.last().unwrap(), "[DONE]");
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|data| parse(data))
        .collect();
    assert_eq!(
        chunks[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": ""})
    );
    assert!(
        chunks
            .iter()
            .any(|chunk| chunk["choices"][0]["delta"]["reasoning"].is_string())
    );
    let usage = &chunks.last().unwrap()["usage"];
    assert_eq!(chunks.last().unwrap()["choices"], json!([]));
    let pieces = chunks.len() - 2;
    assert_eq!(usage["completion_tokens"], json!(pieces));
    let finish = &chunks[chunks.len() - 2]["choices"][0]["finish_reason"];
    assert!(finish == "stop" || finish == "length", "{finish}");

    let (status, plain) = stage
        .json("vllm", "/v1/chat/completions", Some(&chat(model, false)))
        .await;
    assert_eq!((status, &plain["object"]), (200, &json!("chat.completion")));
    assert!(
        plain["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .contains("```")
    );
    let long =
        json!({"model": model, "messages": [{"role": "user", "content": "word ".repeat(40_000)}]});
    let (status, refusal) = stage
        .json("vllm", "/v1/chat/completions", Some(&long))
        .await;
    assert_eq!(
        (status, &refusal["error"]["type"]),
        (400, &json!("BadRequestError"))
    );
    assert!(
        refusal["error"]["message"]
            .as_str()
            .unwrap()
            .contains("maximum context length is 32768")
    );
    stage.strike().await;
}

#[tokio::test(start_paused = true)]
async fn openai_speaks_its_dialect() {
    let stage = Stage::set(LUCKY).await;
    let events = sse(&stage
        .text("openai", "/v1/chat/completions", &chat("gpt-4o-mini", true))
        .await);
    assert_eq!(events.last().unwrap(), "[DONE]");
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|data| parse(data))
        .collect();
    assert_eq!(chunks[0]["model"], "gpt-4o-mini-2024-07-18");
    assert!(chunks[0]["usage"].is_null() && chunks[0].get("usage").is_some());
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["delta"], json!({}));
    assert_eq!(
        chunks.last().unwrap()["usage"]["completion_tokens"],
        json!(chunks.len() - 3)
    );

    let mut with_tool = chat("gpt-4o-mini", true);
    with_tool["tools"] = json!([{"type": "function", "function": {"name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]);
    let mut arguments = String::new();
    for _ in 0..12 {
        let events = sse(&stage
            .text("openai", "/v1/chat/completions", &with_tool)
            .await);
        let chunks = events
            .iter()
            .filter(|data| *data != "[DONE]")
            .map(|data| parse(data));
        for chunk in chunks {
            let call = &chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"];
            arguments.push_str(call.as_str().unwrap_or_default());
        }
        if !arguments.is_empty() {
            break;
        }
    }
    assert!(parse(&arguments)["city"].is_string(), "{arguments}");

    let wanted = json!({"model": "text-embedding-3-small", "input": "a", "dimensions": 8, "encoding_format": "base64"});
    let (_, made) = stage.json("openai", "/v1/embeddings", Some(&wanted)).await;
    assert_eq!(made["data"][0]["embedding"].as_str().unwrap().len(), 44);
    stage.strike().await;
}

#[tokio::test(start_paused = true)]
async fn anthropic_speaks_its_dialect() {
    let stage = Stage::set(LUCKY).await;
    let mut body = chat("claude-sonnet-4-5-20250929", true);
    body["system"] = json!([{"type": "text", "text": "rule ".repeat(3000), "cache_control": {"type": "ephemeral"}}]);
    let text = stage.text("anthropic", "/v1/messages", &body).await;
    let kinds: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    let frame = |kinds: &[&str]| {
        kinds
            .iter()
            .filter(|kind| **kind != "content_block_delta")
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        frame(&kinds),
        "message_start content_block_start ping content_block_stop message_delta message_stop"
    );
    let events: Vec<Value> = sse(&text).iter().map(|data| parse(data)).collect();
    assert!(
        events
            .iter()
            .zip(&kinds)
            .all(|(event, kind)| event["type"] == *kind)
    );
    let first = events[0]["message"]["usage"].clone();
    assert!(first["cache_creation_input_tokens"].as_u64().unwrap() > 2000);

    body["stream"] = json!(false);
    let (status, plain) = stage.json("anthropic", "/v1/messages", Some(&body)).await;
    assert_eq!((status, &plain["stop_reason"]), (200, &json!("end_turn")));
    assert!(plain["usage"]["cache_read_input_tokens"].as_u64().unwrap() > 2000);
    let sum = |usage: &Value| {
        [
            "input_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
        ]
        .iter()
        .map(|key| usage[*key].as_u64().unwrap())
        .sum::<u64>()
    };
    assert_eq!(sum(&first), sum(&plain["usage"]));

    let (_, counted) = stage
        .json("anthropic", "/v1/messages/count_tokens", Some(&body))
        .await;
    assert_eq!(counted["input_tokens"].as_u64().unwrap(), sum(&first));
    body.as_object_mut().unwrap().remove("max_tokens");
    let (status, refusal) = stage.json("anthropic", "/v1/messages", Some(&body)).await;
    assert_eq!(
        (status, &refusal["error"]["message"]),
        (400, &json!("max_tokens: Field required"))
    );
    stage.strike().await;
}

/// Where, what is sent, and the status and member that must come back.
fn refusals() -> Vec<(&'static str, Value, &'static str)> {
    let nosuch = chat("nosuch", false);
    let small = |more: Value| {
        let mut body = more;
        body["model"] = json!("llama3.2:3b");
        body
    };
    let unpulled = "404 /error model \"nosuch\" not found, try pulling it first";
    let thoughtless = "400 /error \"llama3.2:3b\" does not support thinking";
    vec![
        (
            "ollama-gpu /api/chat",
            nosuch.clone(),
            "404 /error model 'nosuch' not found",
        ),
        (
            "ollama-gpu /api/chat",
            json!({}),
            "400 /error model is required",
        ),
        (
            "ollama-gpu /api/chat",
            small(json!({"think": true})),
            thoughtless,
        ),
        (
            "ollama-gpu /api/chat",
            small(json!({"messages": []})),
            "200 /done_reason load",
        ),
        (
            "ollama-gpu /api/embed",
            json!({"model": "nosuch"}),
            unpulled,
        ),
        (
            "vllm /v1/chat/completions",
            nosuch.clone(),
            "404 /error/type NotFoundError",
        ),
        ("vllm /v1/nosuch", json!({}), "404 /detail Not Found"),
        (
            "openai /v1/chat/completions",
            nosuch.clone(),
            "404 /error/code model_not_found",
        ),
        (
            "openai /v1/chat/completions",
            json!([]),
            "400 /error/type invalid_request_error",
        ),
        (
            "anthropic /v1/messages",
            nosuch,
            "404 /error/message model: nosuch",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn refusals_are_those_of_the_real_servers() {
    let stage = Stage::set(LUCKY).await;
    for (place, body, told) in refusals() {
        let (server, path) = place.split_once(' ').unwrap();
        let mut parts = told.splitn(3, ' ');
        let (status, pointer) = (parts.next().unwrap(), parts.next().unwrap());
        let (got, answer) = stage.json(server, path, Some(&body)).await;
        assert_eq!(got.to_string(), status, "{place} {body}");
        let member = answer.pointer(pointer).and_then(Value::as_str);
        assert_eq!(member, parts.next(), "{place} {body}");
    }
    let message = json!({"role": "user", "content": "word ".repeat(20_000)});
    let long = json!({"model": "llama3.2:3b", "messages": [message]});
    let (status, answer) = stage.json("ollama-gpu", "/api/chat", Some(&long)).await;
    let inner = parse(answer["error"].as_str().unwrap());
    assert_eq!(
        (status, &inner["error"]["type"]),
        (400, &json!("exceed_context_size_error"))
    );
    stage.strike().await;
}
