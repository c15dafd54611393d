//! Bytes of a terminal → keys, mouse and pasted text.
//!
//! Our own reader instead of crossterm's: that one spins for ever when its terminal goes away, and
//! blocks on half a sequence. Pure and incremental: bytes may come in any pieces; what is not
//! understood is skipped whole, never typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The longest paste that is kept, in bytes.
const PASTE: usize = 64 * 1024;

/// The longest sequence that is waited for, in bytes.
const SEQUENCE: usize = 4 * 1024;

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// A press of the left button at a cell, counted from 0.
    Click(u16, u16),
    /// The wheel; down is true.
    Wheel(bool),
}

/// The reader.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    pending: Vec<u8>,
    paste: Option<Vec<u8>>,
}

/// What stands at the head of the bytes.
enum Step {
    /// This, which took so many bytes.
    Done(Option<Input>, usize),
    /// The start of something; more bytes are needed.
    More,
}

impl Parser {
    /// Takes bytes in and gives out what is complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Input> {
        self.pending.extend_from_slice(bytes);
        self.drain(false)
    }

    /// Whether something is half read, so that it is worth a short wait.
    pub(crate) const fn is_waiting(&self) -> bool {
        !self.pending.is_empty() && self.paste.is_none()
    }

    /// Nothing followed: a lone escape is the key, the rest of a sequence is dropped.
    pub(crate) fn flush(&mut self) -> Vec<Input> {
        self.drain(true)
    }

    fn drain(&mut self, last: bool) -> Vec<Input> {
        let mut out = Vec::new();
        let mut bytes = std::mem::take(&mut self.pending);
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            if self.paste.is_some() {
                at += self.pasted(rest, &mut out);
                if self.paste.is_some() {
                    break;
                }
                continue;
            }
            match step(rest) {
                Step::Done(input, used) => {
                    at += used.max(1);
                    if rest.starts_with(b"\x1b[200~") {
                        self.paste = Some(Vec::new());
                    }
                    out.extend(input);
                },
                Step::More if last || rest.len() > SEQUENCE => {
                    let escape = rest == b"\x1b";
                    out.extend(escape.then(|| key(KeyCode::Esc, KeyModifiers::NONE)));
                    at = bytes.len();
                },
                Step::More => break,
            }
        }
        bytes.drain(..at.min(bytes.len()));
        self.pending = bytes;
        out
    }

    /// Collects pasted bytes up to the end mark; returns how many were taken.
    fn pasted(&mut self, bytes: &[u8], out: &mut Vec<Input>) -> usize {
        const END: &[u8] = b"\x1b[201~";
        let end = bytes.windows(END.len()).position(|window| window == END);
        // Without the end mark, what may be its beginning stays for the next time.
        let taken = end.unwrap_or_else(|| bytes.len().saturating_sub(END.len() - 1));
        if let Some(paste) = &mut self.paste {
            let room = PASTE.saturating_sub(paste.len());
            paste.extend(bytes.iter().take(taken.min(room)));
        }
        if end.is_none() {
            return taken;
        }
        let paste = self.paste.take().unwrap_or_default();
        out.push(Input::Paste(String::from_utf8_lossy(&paste).into_owned()));
        taken + END.len()
    }
}

const fn key(code: KeyCode, modifiers: KeyModifiers) -> Input {
    Input::Key(KeyEvent::new(code, modifiers))
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] => Step::More,
        [0x1b, rest @ ..] => escape(rest),
        [byte @ (0x00..=0x1f | 0x7f), ..] => Step::Done(Some(control(*byte)), 1),
        _ => utf8(bytes),
    }
}

fn control(byte: u8) -> Input {
    let (code, modifiers) = match byte {
        b'\r' | b'\n' => (KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => (KeyCode::Tab, KeyModifiers::NONE),
        0x7f | 0x08 => (KeyCode::Backspace, KeyModifiers::NONE),
        0x00 => (KeyCode::Char(' '), KeyModifiers::CONTROL),
        0x01..=0x1a => (
            KeyCode::Char(char::from(byte - 1 + b'a')),
            KeyModifiers::CONTROL,
        ),
        _ => (
            KeyCode::Char(char::from(byte + 0x40)),
            KeyModifiers::CONTROL,
        ),
    };
    key(code, modifiers)
}

fn utf8(bytes: &[u8]) -> Step {
    let length = match bytes.first() {
        Some(0x00..=0x7f) => 1,
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return Step::Done(None, 1),
    };
    let Some(head) = bytes.get(..length) else {
        return Step::More;
    };
    match std::str::from_utf8(head)
        .ok()
        .and_then(|text| text.chars().next())
    {
        Some(symbol) => {
            let modifiers = if symbol.is_uppercase() {
                KeyModifiers::SHIFT
            } else {
                KeyModifiers::NONE
            };
            Step::Done(Some(key(KeyCode::Char(symbol), modifiers)), length)
        },
        None => Step::Done(None, 1),
    }
}

/// What follows an escape; counts include the escape itself.
fn escape(rest: &[u8]) -> Step {
    match rest {
        [] => Step::More,
        // Two escapes: the first was the key.
        [0x1b, ..] => Step::Done(Some(key(KeyCode::Esc, KeyModifiers::NONE)), 1),
        // The Linux console's function keys.
        [b'[', b'[', letter, ..] => {
            let number = letter.wrapping_sub(b'A').wrapping_add(1);
            let input = (1..=5)
                .contains(&number)
                .then(|| key(KeyCode::F(number), KeyModifiers::NONE));
            Step::Done(input, 4)
        },
        [b'[', b'['] => Step::More,
        [b'[', rest @ ..] => csi(rest),
        [b'O', letter, ..] => Step::Done(letter_key(*letter, KeyModifiers::NONE), 3),
        [b'O'] => Step::More,
        // Answers and settings, up to BEL or ESC \.
        [b']' | b'P' | b'^' | b'_' | b'X', rest @ ..] => string(rest),
        [byte @ (0x00..=0x1f | 0x7f), ..] => with_alt(control(*byte), 2),
        _ => match utf8(rest) {
            Step::Done(Some(input), used) => with_alt(input, used + 1),
            Step::Done(None, used) => Step::Done(None, used + 1),
            Step::More => Step::More,
        },
    }
}

fn with_alt(input: Input, used: usize) -> Step {
    let input = match input {
        Input::Key(event) => key(event.code, event.modifiers | KeyModifiers::ALT),
        other => other,
    };
    Step::Done(Some(input), used)
}

fn string(rest: &[u8]) -> Step {
    for (place, byte) in rest.iter().enumerate() {
        match byte {
            0x07 => return Step::Done(None, place + 3),
            0x1b if rest.get(place + 1) == Some(&b'\\') => return Step::Done(None, place + 4),
            _ => {},
        }
    }
    Step::More
}

/// `ESC [` was read; `rest` begins with the parameters.
fn csi(rest: &[u8]) -> Step {
    let Some(length) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        // A byte that cannot stand in a sequence ends it.
        return match rest.iter().position(|byte| !(0x20..=0x3f).contains(byte)) {
            Some(place) => Step::Done(None, place + 2),
            None => Step::More,
        };
    };
    let used = length + 3;
    let parameters = rest.get(..length).unwrap_or_default();
    if let Some(place) = parameters
        .iter()
        .position(|byte| !(0x20..=0x3f).contains(byte))
    {
        return Step::Done(None, place + 2);
    }
    let letter = rest.get(length).copied().unwrap_or_default();
    if let Some(numbers) = parameters.strip_prefix(b"<") {
        return Step::Done(mouse(numbers, letter), used);
    }
    // Old mouse reports carry three bytes more; they are not asked for.
    if letter == b'M' && parameters.is_empty() {
        return if rest.len() < 4 {
            Step::More
        } else {
            Step::Done(None, 6)
        };
    }
    let numbers = numbers(parameters);
    let modifiers = modifiers(numbers.get(1).copied().unwrap_or(1));
    let input = match letter {
        b'~' => {
            let code = match numbers.first() {
                Some(1 | 7) => Some(KeyCode::Home),
                Some(2) => Some(KeyCode::Insert),
                Some(3) => Some(KeyCode::Delete),
                Some(4 | 8) => Some(KeyCode::End),
                Some(5) => Some(KeyCode::PageUp),
                Some(6) => Some(KeyCode::PageDown),
                Some(number @ 11..=15) => function(number - 10),
                Some(number @ 17..=21) => function(number - 11),
                Some(number @ 23..=24) => function(number - 12),
                _ => None,
            };
            code.map(|code| key(code, modifiers))
        },
        b'Z' => Some(key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        letter => letter_key(letter, modifiers),
    };
    Step::Done(input, used)
}

fn function(number: u16) -> Option<KeyCode> {
    u8::try_from(number).ok().map(KeyCode::F)
}

fn letter_key(letter: u8, modifiers: KeyModifiers) -> Option<Input> {
    let code = match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P' => KeyCode::F(1),
        b'Q' => KeyCode::F(2),
        b'R' => KeyCode::F(3),
        b'S' => KeyCode::F(4),
        b'M' => KeyCode::Enter,
        _ => return None,
    };
    Some(key(code, modifiers))
}

fn numbers(parameters: &[u8]) -> Vec<u16> {
    parameters
        .split(|byte| *byte == b';')
        .map(|part| {
            std::str::from_utf8(part)
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0)
        })
        .collect()
}

/// The modifier parameter is one more than the sum of shift 1, alt 2, control 4.
fn modifiers(number: u16) -> KeyModifiers {
    let bits = number.saturating_sub(1);
    let mut all = KeyModifiers::NONE;
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
    ] {
        if bits & bit != 0 {
            all |= modifier;
        }
    }
    all
}

/// `button;column;row` with `M` for a press and `m` for a release.
fn mouse(parameters: &[u8], letter: u8) -> Option<Input> {
    let numbers = numbers(parameters);
    let [button, column, row] = numbers.as_slice() else {
        return None;
    };
    let (x, y) = (column.saturating_sub(1), row.saturating_sub(1));
    // Bits 2 to 4 are shift, alt and control; the wheel counts with them as without.
    match (button & !0x1c, letter) {
        (0, b'M') => Some(Input::Click(x, y)),
        (64, b'M') => Some(Input::Wheel(false)),
        (65, b'M') => Some(Input::Wheel(true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tui::keymap;

    fn names(bytes: &[u8]) -> String {
        let mut parser = Parser::default();
        let mut inputs = parser.feed(bytes);
        inputs.extend(parser.flush());
        let name = |input: &Input| match input {
            Input::Key(event) => keymap::name(*event),
            other => format!("{other:?}"),
        };
        inputs.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keys_of_all_kinds() {
        let cases: [(&[u8], &str); 30] = [
            (b"a", "a"),
            (b"S", "S"),
            ("ä日".as_bytes(), "ä 日"),
            (b" ", "space"),
            (b"\r", "enter"),
            (b"\n", "enter"),
            (b"\t", "tab"),
            (b"\x7f", "backspace"),
            (b"\x03", "ctrl-c"),
            (b"\x1a", "ctrl-z"),
            (b"\x1b", "esc"),
            (b"\x1b\x1b", "esc esc"),
            (b"\x1bb", "alt-b"),
            (b"\x1b[A\x1b[B\x1b[C\x1b[D", "up down right left"),
            (b"\x1bOA", "up"),
            (b"\x1b[1;5C", "ctrl-right"),
            (b"\x1b[Z", "shift-tab"),
            (b"\x1b[H\x1b[F\x1b[1~\x1b[4~", "home end home end"),
            (b"\x1b[5~\x1b[6~\x1b[3~", "pgup pgdn del"),
            (b"\x1bOP\x1b[15~\x1b[17~\x1b[24~\x1b[[A", "f1 f5 f6 f12 f1"),
            (b"\x1b[<0;10;5M", "Click(9, 4)"),
            (b"\x1b[<0;10;5m", ""),
            (
                b"\x1b[<64;1;1M\x1b[<65;1;1M\x1b[<69;1;1M",
                "Wheel(false) Wheel(true) Wheel(true)",
            ),
            (
                b"\x1b[200~q\x1b[A\x03\x1b[201~x",
                "Paste(\"q\\u{1b}[A\\u{3}\") x",
            ),
            (b"\x1b]11;rgb:1414/1717/1c1c\x07q", "q"),
            (b"\x1b]11;rgb:1414/1717/1c1c\x1b\\q", "q"),
            (b"\x1b[?1;2cq", "q"),
            (b"\x1b[I\x1b[Oq", "q"),
            (b"\x1b[M !!q", "q"),
            (b"\xff\xfeq\xc3(", "q ("),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                names(bytes),
                expected,
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn a_long_paste_is_cut_and_its_end_still_seen() {
        let mut parser = Parser::default();
        let mut inputs = parser.feed(b"\x1b[200~");
        for _ in 0..1_024 {
            inputs.extend(parser.feed(&[b'x'; 1_024]));
        }
        inputs.extend(parser.feed(b"\x1b[201~q"));
        assert_eq!(inputs.len(), 2);
        assert!(matches!(&inputs[0], Input::Paste(text) if text.len() == PASTE));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn pieces_do_not_matter(bytes in prop::collection::vec(prop_oneof![
            Just(0x1b_u8), Just(b'['), Just(b'<'), Just(b';'), Just(b'M'), Just(b'~'), Just(b'2'), Just(b'0'), any::<u8>(),
        ], 0..60), cut in 0_usize..60) {
            let cut = cut.min(bytes.len());
            let mut whole = Parser::default();
            let mut expected = whole.feed(&bytes);
            expected.extend(whole.flush());
            let mut parts = Parser::default();
            let mut inputs = parts.feed(&bytes[..cut]);
            inputs.extend(parts.feed(&bytes[cut..]));
            inputs.extend(parts.flush());
            prop_assert_eq!(inputs, expected);
        }
    }
}
