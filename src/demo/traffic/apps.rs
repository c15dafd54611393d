//! The apps that ask: who they are, what they ask for, and how.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::demo::{seed, text};

/// One request to send.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shot {
    /// The app's name for itself.
    pub(crate) agent: &'static str,
    /// Where it goes.
    pub(crate) path: &'static str,
    /// What it says.
    pub(crate) body: Value,
    /// Tags in the header; empty: none.
    pub(crate) tags: &'static str,
    /// The client hangs up after this many pieces of the answer.
    pub(crate) leaves_after: Option<usize>,
    /// How long the client waits for the whole answer.
    pub(crate) patience: Duration,
}

/// Long texts that apps send again and again: made once.
#[derive(Debug)]
pub(crate) struct Library {
    /// A coding agent's rules, one per project.
    rules: Vec<String>,
    /// Source files, from short to longer than a small window.
    files: Vec<String>,
}

/// One app: how often it asks by day and by night, and what.
struct App {
    agent: &'static str,
    by_day: u32,
    by_night: u32,
    ask: fn(&Library, &mut Rng) -> Shot,
}

const CHAT: &str = "/v1/chat/completions";

const APPS: [App; 8] = [
    App {
        agent: "open-webui/0.6.36",
        by_day: 300,
        by_night: 90,
        ask: open_webui,
    },
    App {
        agent: "n8n/1.119",
        by_day: 170,
        by_night: 110,
        ask: n8n,
    },
    App {
        agent: "continue/1.2.11",
        by_day: 130,
        by_night: 20,
        ask: continue_dev,
    },
    App {
        agent: "claude-cli/2.0.37 (external, cli)",
        by_day: 80,
        by_night: 25,
        ask: claude_code,
    },
    App {
        agent: "OpenAI/Python 2.8.1",
        by_day: 180,
        by_night: 60,
        ask: embeddings,
    },
    App {
        agent: "python-requests/2.32.5",
        by_day: 90,
        by_night: 30,
        ask: classifier,
    },
    App {
        agent: "nightly-batch/1.4",
        by_day: 8,
        by_night: 420,
        ask: nightly,
    },
    App {
        agent: "curl/8.14.1",
        by_day: 4,
        by_night: 1,
        ask: mistyped,
    },
];

/// Users of the chat app.
const USERS: [&str; 6] = ["anna", "ben", "carla", "deniz", "emil", "fatou"];

/// What people ask about.
const QUESTIONS: [&str; 10] = [
    "Why do my tomatoes get yellow leaves in July?",
    "Explain in simple words what a reverse proxy does.",
    "What should I see in the old town in one day?",
    "Summarise the report I pasted and name the three main risks.",
    "How do I read a query plan?",
    "Which planets can I see this month without a telescope?",
    "Write a friendly reminder for an unpaid invoice.",
    "Is a raised bed worth the effort on clay soil?",
    "Compare a snapshot with a backup.",
    "Plan a quiet weekend by train, with one museum.",
];

/// What programmers ask about.
const TASKS: [&str; 6] = [
    "Add a retry with backoff to this function.",
    "Why does this test fail only on Mondays?",
    "Write a unit test for the parser.",
    "Turn this into an iterator.",
    "Explain this stack trace and mend the cause.",
    "Rename the field everywhere and keep the old name readable.",
];

impl Library {
    /// The texts of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let text = |label: &str, nth: u64, tokens: usize| {
            text::prose(&mut seed::stream(seed, label, nth), label, tokens).concat()
        };
        Self {
            rules: (0..3).map(|nth| text("rules", nth, 5200)).collect(),
            files: [700, 1500, 3200, 6400, 12_000, 30_000]
                .into_iter()
                .zip(0..)
                .map(|(tokens, nth)| text("file", nth, tokens))
                .collect(),
        }
    }
}

/// The `nth` request of this seed.
pub(crate) fn compose(library: &Library, seed: u64, nth: u64, night: bool) -> Shot {
    let mut rng = seed::stream(seed, "request", nth);
    let weight = |app: &App| if night { app.by_night } else { app.by_day };
    let mut drawn = rng.u32(0..APPS.iter().map(weight).sum());
    let app = APPS.iter().find(|app| {
        let hit = drawn < weight(app);
        drawn = drawn.saturating_sub(weight(app));
        hit
    });
    let app = app.unwrap_or(&APPS[0]);
    Shot {
        agent: app.agent,
        ..(app.ask)(library, &mut rng)
    }
}

fn shot(path: &'static str, body: Value) -> Shot {
    Shot {
        agent: "",
        path,
        body,
        tags: "",
        leaves_after: None,
        patience: Duration::from_secs(90),
    }
}

fn pick<'a>(from: &[&'a str], rng: &mut Rng) -> &'a str {
    from[rng.usize(0..from.len())]
}

/// A person in a chat window: streams, a few turns, now and then a closed tab.
fn open_webui(_: &Library, rng: &mut Rng) -> Shot {
    let model = if seed::chance(rng, 860) {
        "chat"
    } else {
        "smart-cloud"
    };
    let mut messages =
        vec![json!({"role": "system", "content": "You are a helpful assistant. Answer briefly."})];
    for _ in 0..rng.u32(0..4) {
        let question = pick(&QUESTIONS, rng);
        messages.push(json!({"role": "user", "content": question}));
        let answer = text::prose(rng, question, 70).concat();
        messages.push(json!({"role": "assistant", "content": answer}));
    }
    messages.push(json!({"role": "user", "content": pick(&QUESTIONS, rng)}));
    let body = json!({"model": model, "messages": messages, "stream": true,
        "stream_options": {"include_usage": true}, "user": pick(&USERS, rng), "temperature": 0.7});
    let leaves_after = seed::chance(rng, 45).then(|| rng.usize(5..40));
    Shot {
        leaves_after,
        ..shot(CHAT, body)
    }
}

/// A workflow: plain, with a tool or with JSON; some of it about people.
fn n8n(_: &Library, rng: &mut Rng) -> Shot {
    let text = text::prose(rng, "the invoice", 120).concat();
    let mut body = json!({"model": "fast-local", "max_tokens": 300, "temperature": 0,
        "messages": [{"role": "system", "content": "Sort incoming mail."}, {"role": "user", "content": text}]});
    if rng.bool() {
        body["tools"] = json!([{"type": "function", "function": {"name": "file_mail",
            "description": "Puts a mail into a folder", "parameters": {"type": "object", "required": ["folder"],
            "properties": {"folder": {"enum": ["invoices", "orders", "spam", "other"]},
                "urgent": {"type": "boolean"}, "note": {"type": "string"}}}}}]);
    } else {
        body["response_format"] = json!({"type": "json_object"});
    }
    if seed::chance(rng, 350) {
        body["metadata"] = json!({"tags": ["pii"]});
    }
    Shot {
        tags: "workflow,mail",
        ..shot(CHAT, body)
    }
}

/// A programmer's editor: completions at a keystroke, questions about files, sometimes a huge one.
fn continue_dev(library: &Library, rng: &mut Rng) -> Shot {
    let task = pick(&TASKS, rng);
    if seed::chance(rng, 450) {
        let file: String = library.files[0].chars().take(1800).collect();
        let body = json!({"model": "coder", "stream": true, "max_tokens": 64, "temperature": 0.1,
            "messages": [{"role": "user", "content": format!("{file}\n<cursor>\nComplete at the cursor.")}]});
        let leaves_after = seed::chance(rng, 180).then(|| rng.usize(2..20));
        return Shot {
            leaves_after,
            ..shot(CHAT, body)
        };
    }
    let last = library.files.len() - 1;
    let place = if seed::chance(rng, 60) {
        last
    } else {
        rng.usize(0..last)
    };
    let body = json!({"model": "coder", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "system", "content": "You are an expert programmer."},
            {"role": "user", "content": format!("{}\n\n{task}", library.files[place])}]});
    shot(CHAT, body)
}

/// A coding agent that speaks Anthropic's dialect: long cached rules, tools, streams.
fn claude_code(library: &Library, rng: &mut Rng) -> Shot {
    let rules = &library.rules[rng.usize(0..library.rules.len())];
    let body = json!({"model": "claude-sonnet-4-5-20250929", "max_tokens": 2048, "stream": true,
        "system": [{"type": "text", "text": rules, "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "read_file", "description": "Reads a file", "input_schema": {"type": "object",
            "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}}, "required": ["path"]}}],
        "metadata": {"user_id": pick(&USERS, rng)},
        "messages": [{"role": "user", "content": [{"type": "text", "text": pick(&TASKS, rng)}]}]});
    let leaves_after = seed::chance(rng, 30).then(|| rng.usize(10..60));
    Shot {
        leaves_after,
        ..shot("/v1/messages", body)
    }
}

/// A script that fills a search index.
fn embeddings(_: &Library, rng: &mut Rng) -> Shot {
    let n_texts = rng.usize(2..24);
    let texts: Vec<String> = (0..n_texts)
        .map(|_| text::prose(rng, "index", 40).concat())
        .collect();
    let body = if seed::chance(rng, 850) {
        json!({"model": "embed", "input": texts, "user": "indexer"})
    } else {
        // The SDKs ask for packed numbers by themselves.
        json!({"model": "embed-cloud", "input": texts, "encoding_format": "base64"})
    };
    shot("/v1/embeddings", body)
}

/// A script that sorts texts with a schema.
fn classifier(_: &Library, rng: &mut Rng) -> Shot {
    let model = if seed::chance(rng, 700) {
        "chat"
    } else {
        "smart-cloud"
    };
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["label", "score"],
        "properties": {"label": {"enum": ["praise", "question", "complaint"]}, "score": {"type": "number"}}});
    let body = json!({"model": model, "max_tokens": 120, "tags": ["reviews"],
        "messages": [{"role": "user", "content": text::prose(rng, "supplier", 90).concat()}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "review", "schema": schema}}});
    shot(CHAT, body)
}

/// The nightly batch: long plain summaries on the small models, and some embeddings.
fn nightly(library: &Library, rng: &mut Rng) -> Shot {
    if seed::chance(rng, 250) {
        return embeddings(library, rng);
    }
    let text: String = library.files[rng.usize(0..3)].chars().take(6000).collect();
    let body = json!({"model": "fast-local", "max_tokens": 200, "user": "batch",
        "messages": [{"role": "user", "content": format!("Summarise in five lines:\n\n{text}")}]});
    Shot {
        tags: "batch",
        ..shot(CHAT, body)
    }
}

/// Somebody who mistypes a model's name.
fn mistyped(_: &Library, _: &mut Rng) -> Shot {
    shot(
        CHAT,
        json!({"model": "chatt", "messages": [{"role": "user", "content": "hello?"}]}),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_asks_the_same() {
        let (one, two) = (Library::new(4), Library::new(4));
        for nth in 0..60 {
            assert_eq!(compose(&one, 4, nth, false), compose(&two, 4, nth, false));
        }
        assert_ne!(compose(&one, 4, 0, false), compose(&one, 5, 0, false));
    }

    #[test]
    fn every_app_asks_sooner_or_later() {
        let library = Library::new(1);
        let agents: BTreeSet<_> = (0..3000)
            .map(|nth| compose(&library, 1, nth, false).agent)
            .collect();
        assert_eq!(agents.len(), APPS.len());
        let nightly = (0..400).filter(|nth| {
            compose(&library, 1, *nth, true)
                .agent
                .starts_with("nightly")
        });
        assert!(nightly.count() > 150);
    }
}
