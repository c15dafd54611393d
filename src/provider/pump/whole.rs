//! A stream made of a whole answer: some servers answer `stream: true` with one JSON object.
//!
//! The answer is read as a plain one and written event by event in the client's dialect. The caller
//! sees from the first byte that it is no stream.

use bytes::BytesMut;

use super::{Frames, Pump, Reader, Seen, State, Way, Writer, observe, write};
use crate::base::{Fault, Surface};
use crate::config::Dialect;
use crate::provider::answer::aborted;
use crate::provider::{Backend, build};
use crate::wire::frame::Sse;
use crate::wire::neutral::{Choice, Part};
use crate::wire::{Answer, Event, Finish, WriterOptions, anthropic, openai};

/// Whether bytes that should begin a stream begin a JSON object instead. No event does: `{` is neither
/// a field's name nor a comment.
pub fn is_whole_answer(surface: Surface, dialect: Dialect, first: &[u8]) -> bool {
    // A whole answer of Ollama is a stream of one line.
    let events = dialect != Dialect::Ollama;
    let chat = matches!(
        surface,
        Surface::Chat | Surface::Messages | Surface::Completions
    );
    events && chat && first.trim_ascii_start().first() == Some(&b'{')
}

impl Pump {
    /// The way of a stream that is made of a whole answer, with all of it but its end in `out`.
    ///
    /// # Errors
    /// The body is no answer, or says that it failed.
    pub fn of_whole(
        surface: Surface,
        backend: &Backend,
        asked: &build::Way,
        options: WriterOptions,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<(Self, Seen), Fault> {
        let answer = match backend.dialect {
            Dialect::Anthropic => anthropic::parse_answer_named(body, &asked.names)?,
            Dialect::OpenAi | Dialect::Ollama => openai::parse_answer_named(body, &asked.names)?,
        };
        let events = events_of(answer);
        let observed = observe(&events);
        if observed.finish == Some(Finish::Abort) {
            return Err(aborted());
        }
        let mut writer = Writer::new(surface, options);
        write(&mut writer, &events, out);
        let seen = Seen {
            events: 1,
            content: u32::from(observed.content),
            finished: true,
            done: true,
            usage: observed.usage,
        };
        let pump = Self {
            frames: Frames::Sse(Sse::new(0)),
            way: Way::Across {
                reader: Reader::OpenAi(Box::default()),
                writer,
                events: Vec::new(),
            },
            provider: (*backend.provider).into(),
            state: State::new(surface, 1),
        };
        Ok((pump, seen))
    }
}

/// What a stream would have said.
fn events_of(answer: Answer) -> Vec<Event> {
    let mut events = vec![Event::Start {
        id: Some(answer.id).filter(|id| !id.is_empty()),
        model: None,
    }];
    for (number, choice) in (0..).zip(answer.choices) {
        choice_events(number, choice, &mut events);
    }
    events.extend(answer.usage.map(Event::Usage));
    events.push(Event::Done);
    events
}

fn choice_events(choice: u32, said: Choice, events: &mut Vec<Event>) {
    let mut calls = 0;
    for part in said.parts {
        match part {
            Part::Text { text, .. } => events.push(Event::Text { choice, text }),
            Part::Thinking { text, signature } => {
                events.push(Event::Thinking { choice, text });
                events.extend(signature.map(|signature| Event::Signature { choice, signature }));
            },
            Part::RedactedThinking { data } => {
                events.push(Event::RedactedThinking { choice, data });
            },
            Part::ToolCall(call) => {
                let (index, id, name) = (calls, call.id, call.name);
                events.push(Event::ToolStart {
                    choice,
                    index,
                    id,
                    name,
                });
                let piece = call.arguments;
                events.push(Event::ToolArguments {
                    choice,
                    index,
                    piece,
                });
                calls += 1;
            },
            // No answer holds one.
            Part::Image { .. } | Part::File(_) | Part::Other(_) | Part::ToolResult { .. } => {},
        }
    }
    let reason = match said.finish {
        Some(reason) => reason,
        None if calls > 0 => Finish::ToolCalls,
        None => Finish::Stop,
    };
    events.push(Event::Finish { choice, reason });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::neutral::ToolCall;

    #[test]
    fn a_whole_answer_is_told_from_a_stream_by_its_first_byte() {
        let whole = |dialect, first: &[u8]| is_whole_answer(Surface::Chat, dialect, first);
        assert!(whole(Dialect::OpenAi, b"\n {\"id\""));
        assert!(whole(Dialect::Anthropic, b"{"));
        assert!(!whole(Dialect::OpenAi, b"data: {"));
        assert!(!whole(Dialect::OpenAi, b": ping"));
        assert!(!whole(Dialect::OpenAi, b""));
        assert!(!whole(Dialect::Ollama, b"{\"model\""));
        assert!(!is_whole_answer(Surface::Images, Dialect::OpenAi, b"{"));
    }

    #[test]
    fn every_part_becomes_its_events_in_order() {
        let call = Part::ToolCall(ToolCall {
            id: "call_1".to_owned(),
            name: "look".to_owned(),
            arguments: "{}".to_owned(),
        });
        let thought = Part::Thinking {
            text: "hm".to_owned(),
            signature: Some("sig".to_owned()),
        };
        let answer = Answer {
            id: "x".to_owned(),
            choices: vec![Choice {
                parts: vec![thought, Part::text("hello"), call],
                finish: None,
            }],
            ..Answer::default()
        };
        let events = events_of(answer);
        let expected = [
            "Start",
            "Thinking",
            "Signature",
            "Text",
            "ToolStart",
            "ToolArguments",
            "Finish",
            "Done",
        ];
        assert_eq!(events.len(), expected.len(), "{events:?}");
        for (event, name) in events.iter().zip(expected) {
            assert!(
                format!("{event:?}").starts_with(name),
                "{event:?} is no {name}"
            );
        }
        let reason = Finish::ToolCalls;
        assert!(events.contains(&Event::Finish { choice: 0, reason }));
    }
}
