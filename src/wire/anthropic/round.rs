//! Whether a conversation may go on with a budget for thinking.
//!
//! Anthropic wants an open round of tool calls to begin with its own signed reasoning. The round is all
//! that the assistant said since the user last said something other than results: a model need not
//! think again before each of its calls. What another backend answered carries no signature.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::neutral::{Message, Part, Role};

/// What a message is to the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Assistant { calls: bool, signed: bool },
    User { results: bool },
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    thinking: Option<Block<'a>>,
    #[serde(borrow)]
    messages: Vec<Said<'a>>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
}

/// Whether the history of a request allows a budget for thinking.
pub(super) fn allows_thinking(messages: &[Message]) -> bool {
    allows(messages.iter().rev().filter_map(turn_of))
}

/// Whether a body of Anthropic's asks for a budget that its own history does not allow, so that it
/// must be read and written anew, not forwarded.
pub fn thinks_against_history(body: &[u8]) -> bool {
    let has = |word: &[u8]| memmem::find(body, word).is_some();
    if !(has(br#""tool_use""#) && has(br#""enabled""#)) {
        return false;
    }
    let Ok(Body { thinking, messages }) = serde_json::from_slice(body) else {
        return false;
    };
    let is_asked = thinking.is_some_and(|thinking| thinking.kind == "enabled");
    is_asked && !allows(messages.iter().rev().map(turn_in))
}

/// The rule, over the messages from the last one on.
fn allows(turns: impl Iterator<Item = Turn>) -> bool {
    let mut is_open = false;
    // Whether results stand between two messages of the assistant; nothing between makes them one.
    let mut results_between = None;
    for turn in turns {
        match turn {
            Turn::User { results } => {
                results_between = Some(results || results_between == Some(true));
            },
            Turn::Assistant { .. } if is_open && results_between == Some(false) => break,
            Turn::Assistant { signed: true, .. } => return true,
            Turn::Assistant { calls, .. } => {
                if !(calls || is_open) {
                    return true;
                }
                is_open = true;
                results_between = None;
            },
        }
    }
    !is_open
}

fn turn_of(message: &Message) -> Option<Turn> {
    let any = |is: fn(&Part) -> bool| message.parts.iter().any(is);
    match message.role {
        Role::System => None,
        Role::User => Some(Turn::User {
            results: any(|part| matches!(part, Part::ToolResult { .. })),
        }),
        Role::Assistant => Some(Turn::Assistant {
            calls: any(|part| matches!(part, Part::ToolCall(_))),
            signed: any(|part| match part {
                Part::Thinking { signature, .. } => signature.is_some(),
                part => matches!(part, Part::RedactedThinking { .. }),
            }),
        }),
    }
}

fn turn_in(said: &Said<'_>) -> Turn {
    // A content that is one text has no blocks.
    let blocks: Vec<Block<'_>> = serde_json::from_str(said.content.get()).unwrap_or_default();
    let any = |kind: &str| blocks.iter().any(|block| block.kind == kind);
    if said.role != "assistant" {
        return Turn::User {
            results: any("tool_result"),
        };
    }
    let is_signed = |block: &Block<'_>| match &*block.kind {
        "thinking" => block.signature.as_deref().is_some_and(|s| !s.is_empty()),
        kind => kind == "redacted_thinking",
    };
    Turn::Assistant {
        calls: any("tool_use"),
        signed: blocks.iter().any(is_signed),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::anthropic::parse_request;

    #[test]
    fn an_open_round_must_begin_with_signed_reasoning() {
        let ask = json!({"role": "user", "content": "hi"});
        let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": {}});
        let result = json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "1"}, {"type": "text", "text": "x"},
        ]});
        let signed = json!({"type": "thinking", "thinking": "t", "signature": "s"});
        let redacted = json!({"type": "redacted_thinking", "data": "d"});
        let says = |blocks: &[&Value]| json!({"role": "assistant", "content": blocks});
        let bare = says(&[&call]);
        let thought = says(&[&signed, &call]);
        let hidden = says(&[&redacted, &call]);
        let over = json!({"role": "assistant", "content": "done"});
        let cases: [(&str, &[&Value], bool); 7] = [
            ("nothing was called", &[&ask], true),
            ("unsigned", &[&ask, &bare, &result], false),
            ("signed", &[&ask, &thought, &result], true),
            ("redacted", &[&ask, &hidden, &result], true),
            (
                "only before the first call",
                &[&ask, &thought, &result, &bare, &result],
                true,
            ),
            (
                "in an earlier round",
                &[&ask, &thought, &result, &over, &ask, &bare, &result],
                false,
            ),
            (
                "the round is over",
                &[&ask, &bare, &result, &over, &ask],
                true,
            ),
        ];
        for (name, messages, allowed) in cases {
            let mut body = json!({
                "model": "m", "max_tokens": 9000, "messages": messages,
                "thinking": {"type": "enabled", "budget_tokens": 2000},
            });
            let bytes = body.to_string().into_bytes();
            assert_eq!(thinks_against_history(&bytes), !allowed, "{name}");
            let request = parse_request(&bytes).unwrap();
            assert_eq!(allows_thinking(&request.messages), allowed, "{name}");
            body["thinking"] = json!({"type": "adaptive"});
            assert!(!thinks_against_history(body.to_string().as_bytes()));
        }
    }
}
