//! A gateway in front of scripted upstreams, in a few words: configs, requests, and the look whether
//! everything that was taken has been given back.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::gateway::{Builder, Gateway};
use super::upstream::Upstream;
use super::wait::{PATIENCE, wait_for};

/// One entry of `model_list`.
#[derive(Debug, Clone)]
pub struct Entry {
    group: String,
    params: String,
    info: String,
}

/// An entry for an OpenAI-like upstream, `openai/mock-model` there.
pub fn openai(group: &str, upstream: &Upstream) -> Entry {
    entry(
        group,
        "openai/mock-model",
        &format!("{}/v1", upstream.url()),
    )
}

/// An entry for an Ollama, `ollama_chat/llama3.2` there.
pub fn ollama(group: &str, upstream: &Upstream) -> Entry {
    entry(group, "ollama_chat/llama3.2", &upstream.url())
}

/// An entry for Anthropic, `anthropic/claude-mock` there.
pub fn anthropic(group: &str, upstream: &Upstream) -> Entry {
    entry(group, "anthropic/claude-mock", &upstream.url())
}

/// An entry for any model string at any base.
pub fn entry(group: &str, model: &str, base: &str) -> Entry {
    let params = format!("model: {model}, api_base: \"{base}\", api_key: sk-upstream");
    let (group, info) = (group.to_owned(), String::new());
    Entry {
        group,
        params,
        info,
    }
}

impl Entry {
    /// With further `litellm_params`, as a YAML flow map without its braces.
    #[must_use]
    pub fn with(mut self, params: &str) -> Self {
        self.params = format!("{}, {params}", self.params);
        self
    }

    /// With `model_info`, as a YAML flow map without its braces.
    #[must_use]
    pub fn info(self, info: &str) -> Self {
        let info = info.to_owned();
        Self { info, ..self }
    }
}

/// A whole config: these entries, and further sections as they are.
pub fn config(entries: &[Entry], sections: &str) -> String {
    let mut text = String::from("model_list:\n");
    for Entry {
        group,
        params,
        info,
    } in entries
    {
        writeln!(
            text,
            "- {{model_name: \"{group}\", litellm_params: {{{params}}}, model_info: {{{info}}}}}"
        )
        .unwrap();
    }
    text.push_str(sections);
    text
}

/// A gateway with these entries, to be started.
pub fn builder(entries: &[Entry], sections: &str) -> Builder {
    Gateway::builder(&config(entries, sections))
}

/// A started gateway with these entries.
#[track_caller]
pub fn start(entries: &[Entry], sections: &str) -> Gateway {
    builder(entries, sections).start()
}

/// A chat request.
pub fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Say hello."}]})
}

/// A chat request for a stream.
pub fn chat_stream(model: &str) -> Value {
    let mut body = chat(model);
    body["stream"] = true.into();
    body
}

/// A request to Anthropic Messages.
pub fn message(model: &str) -> Value {
    let mut body = chat(model);
    body["max_tokens"] = 64.into();
    body
}

/// A request to Anthropic Messages for a stream.
pub fn message_stream(model: &str) -> Value {
    let mut body = message(model);
    body["stream"] = true.into();
    body
}

/// Waits until nothing is in flight any more: not by the gateway's gauges, not at the upstreams.
#[track_caller]
pub fn quiet(gateway: &Gateway, upstreams: &[&Upstream]) {
    wait_for("the gauges to be back at zero", PATIENCE, || {
        let metrics = gateway.get("/metrics").must_be(200).text();
        let mut gauges = metrics.lines().filter(|line| {
            line.starts_with("litellm_in_flight_requests")
                || line.starts_with("pointsman_deployment_in_flight")
        });
        (gauges.clone().count() >= 2 && gauges.all(|line| line.ends_with(" 0"))).then_some(())
    });
    for upstream in upstreams {
        upstream.until("no request in flight upstream", |counts| {
            counts.in_flight == 0
        });
    }
}

/// What a test wants to know of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Status told to the client.
    pub status: i64,
    /// Error class, empty when all went well.
    pub error: String,
    /// Further tries in a group.
    pub retries: i64,
    /// Changes of group.
    pub fallbacks: i64,
    /// Error word of each try, empty for the one that served, in order.
    pub tries: Vec<String>,
}

/// Waits for so many rows and gives them in the order of settling.
#[track_caller]
pub fn rows(gateway: &Gateway, n: usize) -> Vec<Row> {
    let found = gateway.until_rows(
        "select r.status, coalesce(e.word, ''), r.retries, r.fallbacks, r.id from requests r
         left join errors e on e.id = r.error order by r.id",
        n,
    );
    let tries = gateway.sqlite(
        "select a.request, case n.outcome when 3 then 'cancelled' else n.error end
         from attempts a join endings n on n.id = a.ending order by a.request, a.n",
    );
    let number = |value: &Value| value.as_i64().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    found
        .iter()
        .map(|row| Row {
            status: number(&row[0]),
            error: text(&row[1]),
            retries: number(&row[2]),
            fallbacks: number(&row[3]),
            tries: tries
                .iter()
                .filter(|one| one[0] == row[4])
                .map(|one| text(&one[1]))
                .collect(),
        })
        .collect()
}

/// The `unhealthy_endpoints` of `/health`.
#[track_caller]
pub fn unhealthy(gateway: &Gateway) -> Vec<Value> {
    let health = gateway.get("/health").must_be(200).json();
    health["unhealthy_endpoints"].as_array().unwrap().clone()
}
