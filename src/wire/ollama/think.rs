//! Takes `<think>…</think>` at the head of an answer apart, however the pieces of a stream cut it.
//!
//! Ollama does it itself for models it knows to think; for others the tags stand in the text. Tags that
//! come later than the head are text.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Where in the text we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing but white space or a beginning of the tag so far.
    Head,
    /// Inside the tag, nothing said yet.
    ThinkHead,
    Think,
    /// Behind the tag, nothing said yet.
    TextHead,
    Text,
}

/// What a piece of the answer turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Thinking(String),
    Text(String),
}

/// Takes apart the pieces of one answer in their order.
#[derive(Debug)]
pub(super) struct Splitter {
    place: Place,
    /// What cannot be told yet.
    held: String,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            place: Place::Head,
            held: String::new(),
        }
    }
}

impl Splitter {
    /// Takes a piece of text.
    pub(super) fn feed(&mut self, text: &str, mut say: impl FnMut(Piece)) {
        if self.place == Place::Text {
            if !text.is_empty() {
                say(Piece::Text(text.to_owned()));
            }
            return;
        }
        self.held.push_str(text);
        while self.step(&mut say) {}
    }

    /// Says what was held back: nothing more comes. Afterwards everything is text.
    pub(super) fn end(&mut self, mut say: impl FnMut(Piece)) {
        let rest = std::mem::take(&mut self.held);
        let place = std::mem::replace(&mut self.place, Place::Text);
        match place {
            _ if rest.is_empty() => {},
            Place::ThinkHead | Place::Think => say(Piece::Thinking(rest)),
            Place::Head | Place::Text => say(Piece::Text(rest)),
            Place::TextHead => {},
        }
    }

    /// Goes one place on; `false` when more text is needed first.
    fn step(&mut self, say: &mut impl FnMut(Piece)) -> bool {
        match self.place {
            Place::Head => {
                let head = self.held.trim_start();
                if let Some(rest) = head.strip_prefix(OPEN) {
                    self.held = rest.to_owned();
                    self.place = Place::ThinkHead;
                    return true;
                }
                if OPEN.starts_with(head) {
                    return false;
                }
                self.place = Place::Text;
                self.flush_text(say);
                false
            },
            Place::ThinkHead => {
                self.held = self.held.trim_start().to_owned();
                if self.held.is_empty() {
                    return false;
                }
                self.place = Place::Think;
                true
            },
            Place::Think => {
                if let Some((before, after)) = self.held.split_once(CLOSE) {
                    if !before.is_empty() {
                        say(Piece::Thinking(before.to_owned()));
                    }
                    self.held = after.to_owned();
                    self.place = Place::TextHead;
                    return true;
                }
                let sure = self.held.len() - tail_of_close(&self.held);
                if sure > 0 {
                    let rest = self.held.split_off(sure);
                    say(Piece::Thinking(std::mem::replace(&mut self.held, rest)));
                }
                false
            },
            Place::TextHead => {
                self.held = self.held.trim_start().to_owned();
                if !self.held.is_empty() {
                    self.place = Place::Text;
                    self.flush_text(say);
                }
                false
            },
            Place::Text => false,
        }
    }

    fn flush_text(&mut self, say: &mut impl FnMut(Piece)) {
        let text = std::mem::take(&mut self.held);
        if !text.is_empty() {
            say(Piece::Text(text));
        }
    }
}

/// How many bytes at the end of `text` may be the beginning of the closing tag.
fn tail_of_close(text: &str) -> usize {
    let longest = CLOSE.len().min(text.len());
    (1..=longest)
        .rev()
        .find(|&length| CLOSE.get(..length).is_some_and(|head| text.ends_with(head)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let (mut thinking, mut text) = (String::new(), String::new());
        let mut splitter = Splitter::default();
        let mut say = |piece| match piece {
            Piece::Thinking(piece) => thinking.push_str(&piece),
            Piece::Text(piece) => text.push_str(&piece),
        };
        for piece in pieces {
            splitter.feed(piece, &mut say);
        }
        splitter.end(&mut say);
        (thinking, text)
    }

    #[test]
    fn only_a_tag_at_the_head_is_taken_apart() {
        let cases = [
            ("<think>\nhm</think>\n\nyes", "hm", "yes"),
            (
                "\n <think>a</think>b<think>c</think>",
                "a",
                "b<think>c</think>",
            ),
            ("no <think>a</think>", "", "no <think>a</think>"),
            ("<thinks>", "", "<thinks>"),
            ("<th", "", "<th"),
            ("<think>never closed", "never closed", ""),
            ("<think>a</thin", "a</thin", ""),
            ("  indented", "", "  indented"),
            ("", "", ""),
        ];
        for (whole, thinking, text) in cases {
            assert_eq!(
                split(&[whole]),
                (thinking.to_owned(), text.to_owned()),
                "{whole}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn cuts_change_nothing(
            words in prop::collection::vec(
                prop::sample::select(vec!["<think>", "</think>", "<", "</th", "é", " ", "\n", "x", "ink>"]), 0..12),
            cuts in prop::collection::vec(0_usize..40, 0..6),
        ) {
            let whole: String = words.concat();
            let letters: Vec<char> = whole.chars().collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(letters.len())).collect();
            cuts.push(0);
            cuts.push(letters.len());
            cuts.sort_unstable();
            let pieces: Vec<String> =
                cuts.windows(2).map(|pair| letters[pair[0]..pair[1]].iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(split(&pieces), split(&[&whole]));
        }
    }
}
