//! Readable text without a model: sentences on a handful of subjects, small programs, and the pieces
//! that a tokenizer would cut them into.

use fastrand::Rng;

use crate::demo::seed;

/// One subject to write about.
struct Topic {
    subjects: &'static [&'static str],
    verbs: &'static [&'static str],
    objects: &'static [&'static str],
}

/// Ways into a sentence; the empty ones keep most sentences plain.
const OPENERS: [&str; 10] = [
    "",
    "",
    "",
    "",
    "In practice, ",
    "As a rule, ",
    "In short, ",
    "Most of the time, ",
    "For a small set-up, ",
    "On the other hand, ",
];

/// Ways out of a sentence.
const CLOSERS: [&str; 10] = [
    "",
    "",
    "",
    "",
    " over a few weeks",
    " without extra cost",
    " when time is short",
    ", which is easy to check",
    ", though not always",
    " from the first day",
];

const TOPICS: [Topic; 6] = [
    Topic {
        subjects: &[
            "the garden",
            "a raised bed",
            "clay soil",
            "a thick mulch",
            "the compost heap",
            "morning sun",
        ],
        verbs: &[
            "holds",
            "needs",
            "improves with",
            "suffers from",
            "responds to",
            "does well with",
        ],
        objects: &[
            "steady moisture",
            "a handful of lime",
            "regular weeding",
            "less watering than people think",
            "slow feeding in spring",
            "a light cover in frost",
        ],
    },
    Topic {
        subjects: &[
            "the home server",
            "a small cluster",
            "the reverse proxy",
            "a second disk",
            "the backup job",
            "the router",
        ],
        verbs: &[
            "keeps",
            "should log",
            "depends on",
            "rarely needs",
            "is limited by",
            "can share",
        ],
        objects: &[
            "its own network",
            "one cheap snapshot a night",
            "the slowest link",
            "a written restore test",
            "enough memory for the cache",
            "clear names and stable addresses",
        ],
    },
    Topic {
        subjects: &[
            "the quarterly report",
            "the travel budget",
            "a fixed-rate contract",
            "the supplier",
            "the sales team",
            "the invoice",
        ],
        verbs: &[
            "shows",
            "depends on",
            "hides",
            "is tied to",
            "comes after",
            "explains",
        ],
        objects: &[
            "a rise of about four percent",
            "the exchange rate in March",
            "two late deliveries",
            "the discount for early payment",
            "a change in the tax rules",
            "costs that belong to last year",
        ],
    },
    Topic {
        subjects: &[
            "the morning train",
            "a walk along the harbour",
            "the old town",
            "the mountain hut",
            "the ferry",
            "a local guide",
        ],
        verbs: &[
            "takes you to",
            "is worth",
            "leaves time for",
            "goes well with",
            "begins near",
            "costs less than",
        ],
        objects: &[
            "the market square",
            "a quiet afternoon",
            "the museum on the hill",
            "a lunch by the water",
            "the last connection back",
            "an early start",
        ],
    },
    Topic {
        subjects: &[
            "the index",
            "a long transaction",
            "the query planner",
            "a write-ahead log",
            "the schema",
            "the cache",
        ],
        verbs: &[
            "avoids",
            "explains",
            "costs",
            "protects against",
            "is the reason for",
            "does not replace",
        ],
        objects: &[
            "most of the table scans",
            "a lost update",
            "a few kilobytes a row",
            "locks that nobody releases",
            "the jump in response time",
            "a careful look at the numbers",
        ],
    },
    Topic {
        subjects: &[
            "the telescope",
            "a bright comet",
            "the outer planet",
            "the orbit",
            "a clear night",
            "the old observatory",
        ],
        verbs: &[
            "shows",
            "passes",
            "drifts behind",
            "lines up with",
            "was first seen near",
            "is measured against",
        ],
        objects: &[
            "a faint ring of dust",
            "the southern horizon",
            "two small moons",
            "the light of distant stars",
            "a shadow that moves in hours",
            "the pole of the sky",
        ],
    },
];

/// Programs to show; `@` becomes a name.
const PROGRAMS: [&str; 4] = [
    "```python\ndef load_@(path: str) -> list[dict]:\n    with open(path, newline=\"\") as file:\n        rows = list(csv.DictReader(file))\n    return [row for row in rows if row[\"@\"]]\n```",
    "```rust\npub fn next_@(items: &[Item], now: u64) -> Option<&Item> {\n    items\n        .iter()\n        .filter(|item| item.due <= now)\n        .min_by_key(|item| item.@)\n}\n```",
    "```typescript\nexport async function fetch@(id: string): Promise<Response> {\n  const response = await fetch(`/api/@/${id}`);\n  if (!response.ok) throw new Error(`@: ${response.status}`);\n  return response;\n}\n```",
    "```sql\nSELECT @, count(*) AS n\nFROM events\nWHERE created_at > date('now', '-7 days')\nGROUP BY @\nORDER BY n DESC;\n```",
];

/// Names to put into programs and arguments.
const NAMES: [&str; 10] = [
    "order", "session", "invoice", "token", "reading", "account", "batch", "region", "backup",
    "ticket",
];

/// A name for a thing.
pub(crate) fn name(rng: &mut Rng) -> &'static str {
    NAMES[rng.usize(0..NAMES.len())]
}

/// Prose of at least `tokens` tokens on the subject that `about` leads to.
pub(crate) fn prose(rng: &mut Rng, about: &str, tokens: usize) -> Vec<String> {
    let topic = topic(about);
    let mut pieces = Vec::with_capacity(tokens + 24);
    let mut in_paragraph = 0;
    while pieces.len() < tokens {
        let gap = if pieces.is_empty() { "" } else { " " };
        in_paragraph += 1;
        let ends = in_paragraph > 4 && rng.bool();
        cut(&format!("{gap}{}", sentence(rng, topic)), &mut pieces);
        if ends {
            pieces.push("\n\n".to_owned());
            in_paragraph = 0;
        }
    }
    pieces
}

/// An explanation with a program in it.
pub(crate) fn code(rng: &mut Rng, about: &str, tokens: usize) -> Vec<String> {
    let name = name(rng);
    let program = PROGRAMS[rng.usize(0..PROGRAMS.len())].replace('@', name);
    let mut pieces = prose(rng, about, tokens / 4);
    pieces.push("\n\n".to_owned());
    cut(&program, &mut pieces);
    pieces.push("\n\n".to_owned());
    let left = tokens.saturating_sub(pieces.len());
    pieces.extend(prose(rng, about, left.max(8)));
    pieces
}

/// A few words that look like thinking aloud.
pub(crate) fn thoughts(rng: &mut Rng, about: &str, tokens: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    cut(
        "Okay, the user asks about this. Let me go through it step by step.",
        &mut pieces,
    );
    let rest = prose(rng, about, tokens);
    pieces.push(" ".to_owned());
    pieces.extend(rest);
    pieces.push("\n".to_owned());
    pieces
}

/// A short phrase on a subject.
pub(crate) fn phrase(rng: &mut Rng, about: &str) -> String {
    let topic = topic(about);
    let subject = topic.subjects[rng.usize(0..topic.subjects.len())];
    let object = topic.objects[rng.usize(0..topic.objects.len())];
    format!("{subject}: {object}")
}

/// Cuts text into the pieces a tokenizer would: words with the space before them, long ones in two.
pub(crate) fn cut(text: &str, into: &mut Vec<String>) {
    let mut piece = String::new();
    for letter in text.chars() {
        let starts = letter == ' ' && !piece.ends_with(' ') || letter == '\n';
        let full = piece.chars().count() >= 9 && letter.is_alphanumeric();
        if (starts || full) && !piece.is_empty() {
            into.push(std::mem::take(&mut piece));
        }
        piece.push(letter);
    }
    if !piece.is_empty() {
        into.push(piece);
    }
}

/// The subject a text leads to, the same one every time.
fn topic(about: &str) -> &'static Topic {
    let place = seed::hash(about) % (TOPICS.len() as u64);
    &TOPICS[usize::try_from(place).unwrap_or(0)]
}

fn sentence(rng: &mut Rng, topic: &Topic) -> String {
    let opener = OPENERS[rng.usize(0..OPENERS.len())];
    let subject = topic.subjects[rng.usize(0..topic.subjects.len())];
    let verb = topic.verbs[rng.usize(0..topic.verbs.len())];
    let object = topic.objects[rng.usize(0..topic.objects.len())];
    let closer = CLOSERS[rng.usize(0..CLOSERS.len())];
    capital(&format!("{opener}{subject} {verb} {object}{closer}."))
}

/// The text with its first letter a capital.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_up_the_text_again() {
        let text = "Three words, and\n  one  extraordinarily long one.";
        let mut pieces = Vec::new();
        cut(text, &mut pieces);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.len() > 6 && pieces.iter().all(|piece| !piece.is_empty()));
    }

    #[test]
    fn prose_is_as_long_as_asked_and_reads_as_sentences() {
        let mut rng = seed::stream(3, "text", 0);
        let pieces = prose(&mut rng, "my tomatoes", 80);
        let text = pieces.concat();
        assert!((80..120).contains(&pieces.len()), "{} pieces", pieces.len());
        assert!(
            text.starts_with(char::is_uppercase) && text.trim_end().ends_with('.'),
            "{text}"
        );
        assert!(!text.contains("  ") && !text.contains(".."), "{text}");
    }

    #[test]
    fn code_has_a_closed_block() {
        for nth in 0..8 {
            let mut rng = seed::stream(3, "code", nth);
            let text = code(&mut rng, "a parser", 100).concat();
            assert_eq!(text.matches("```").count(), 2, "{text}");
            assert!(!text.contains('@'), "{text}");
        }
    }
}
