//! Which servers the demo has, which models they serve, and how well each of them does.
//!
//! Speeds and sizes are those of common hardware (a 24 GB card, a mini PC, a two-card vLLM box) and
//! of the clouds' public models. Data only; `server` and the dialects act on it.

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ollama's native API.
    Ollama,
    /// vLLM's OpenAI-compatible API.
    Vllm,
    /// OpenAI's cloud.
    OpenAi,
    /// Anthropic's cloud.
    Anthropic,
}

/// One simulated server.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Its name in the demo.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) kind: Kind,
    /// What it serves.
    pub(crate) models: &'static [Model],
    /// How many requests it computes at once; the others wait their turn.
    pub(crate) slots: usize,
    /// What goes wrong with it.
    pub(crate) faults: Faults,
    /// When it gets slow.
    pub(crate) weather: Option<Weather>,
}

/// One model on a server.
#[derive(Debug)]
pub(crate) struct Model {
    /// Its name there.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) job: Job,
    /// Middle length of what it thinks aloud before it answers, in tokens; zero: it does not.
    pub(crate) thinks: u64,
    /// Middle time to the first token, in milliseconds, before the prompt is read.
    pub(crate) first_ms: u64,
    /// Tokens a second it writes.
    pub(crate) writes: u64,
    /// Prompt tokens a second it reads.
    pub(crate) reads: u64,
    /// Its context window, in tokens.
    pub(crate) window: u64,
    /// Middle length of its answers, in tokens.
    pub(crate) length: u64,
    /// Milliseconds to load it into memory; zero where it always is.
    pub(crate) load_ms: u64,
    /// Bytes it takes in memory.
    pub(crate) bytes: u64,
    /// Requests a minute one account may send.
    pub(crate) rpm: Option<Allowance>,
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Talks.
    Chat,
    /// Writes code.
    Code,
    /// Turns text into this many numbers.
    Embed(usize),
}

/// A rate limit: a bucket that refills evenly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    /// Requests a minute.
    pub(crate) per_minute: u64,
    /// Requests that may come at once.
    pub(crate) burst: u64,
}

/// What goes wrong, each in a thousand requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// 500.
    pub(crate) internal: u32,
    /// Anthropic's 529.
    pub(crate) overloaded: u32,
    /// No byte for longer than any client waits.
    pub(crate) hang: u32,
    /// The stream ends in the middle.
    pub(crate) die: u32,
}

/// A slow spell that comes back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Seconds until the first spell.
    pub(crate) first_s: u64,
    /// Seconds from one spell to the next.
    pub(crate) every_s: u64,
    /// Seconds a spell lasts.
    pub(crate) lasts_s: u64,
    /// How many times slower everything is.
    pub(crate) factor: u32,
}

impl Kind {
    /// Whether it belongs to somebody else and is paid for.
    pub(crate) const fn is_cloud(self) -> bool {
        matches!(self, Self::OpenAi | Self::Anthropic)
    }
}

impl Profile {
    /// The model of this name; Ollama's `:latest` may be left out.
    pub(crate) fn model(&self, name: &str) -> Option<&'static Model> {
        let bare = name.strip_suffix(":latest").unwrap_or(name);
        self.models.iter().find(|model| model.name == bare)
    }
}

/// The key that the simulated clouds take.
pub(crate) const KEY: &str = "sk-demo-loopback-only";

/// All servers of the demo.
pub(crate) const SERVERS: [Profile; 5] = [
    Profile {
        name: "ollama-gpu",
        kind: Kind::Ollama,
        models: &[
            Model {
                thinks: 30,
                length: 130,
                ..local("qwen3:8b", Job::Chat, 160, 92, 5_200_000_000)
            },
            Model {
                length: 90,
                ..local("llama3.2:3b", Job::Chat, 90, 150, 2_000_000_000)
            },
            Model {
                window: 2048,
                ..local("nomic-embed-text", Job::Embed(768), 25, 1, 270_000_000)
            },
        ],
        slots: 8,
        faults: Faults {
            internal: 3,
            overloaded: 0,
            hang: 0,
            die: 1,
        },
        weather: None,
    },
    Profile {
        name: "ollama-mini",
        kind: Kind::Ollama,
        models: &[
            Model {
                length: 90,
                ..local("llama3.2:3b", Job::Chat, 340, 38, 2_000_000_000)
            },
            Model {
                window: 2048,
                ..local("nomic-embed-text", Job::Embed(768), 60, 1, 270_000_000)
            },
        ],
        slots: 4,
        faults: Faults {
            internal: 8,
            overloaded: 0,
            hang: 0,
            die: 2,
        },
        weather: Some(Weather {
            first_s: 45,
            every_s: 170,
            lasts_s: 40,
            factor: 6,
        }),
    },
    Profile {
        name: "vllm",
        kind: Kind::Vllm,
        models: &[Model {
            thinks: 8,
            length: 240,
            reads: 9000,
            window: 32_768,
            load_ms: 0,
            ..local("openai/gpt-oss-120b", Job::Code, 120, 110, 63_000_000_000)
        }],
        slots: 16,
        faults: Faults {
            internal: 4,
            overloaded: 0,
            hang: 1,
            die: 1,
        },
        weather: None,
    },
    Profile {
        name: "openai",
        kind: Kind::OpenAi,
        models: &[
            Model {
                length: 120,
                ..cloud("gpt-4o-mini", Job::Chat, 420, 95, None)
            },
            Model {
                length: 210,
                ..cloud(
                    "gpt-4o",
                    Job::Chat,
                    560,
                    70,
                    Some(Allowance {
                        per_minute: 14,
                        burst: 4,
                    }),
                )
            },
            Model {
                window: 8191,
                ..cloud("text-embedding-3-small", Job::Embed(1536), 140, 1, None)
            },
        ],
        slots: 256,
        faults: Faults {
            internal: 6,
            overloaded: 0,
            hang: 2,
            die: 0,
        },
        weather: None,
    },
    Profile {
        name: "anthropic",
        kind: Kind::Anthropic,
        models: &[Model {
            length: 260,
            window: 200_000,
            ..cloud(
                "claude-sonnet-4-5-20250929",
                Job::Chat,
                880,
                64,
                Some(Allowance {
                    per_minute: 120,
                    burst: 20,
                }),
            )
        }],
        slots: 256,
        faults: Faults {
            internal: 2,
            overloaded: 14,
            hang: 0,
            die: 1,
        },
        weather: None,
    },
];

/// A model on a machine of one's own.
const fn local(name: &'static str, job: Job, first_ms: u64, writes: u64, bytes: u64) -> Model {
    Model {
        name,
        job,
        thinks: 0,
        first_ms,
        writes,
        reads: 2400,
        window: 40_960,
        length: 100,
        load_ms: 600 + bytes / 2_500_000,
        bytes,
        rpm: None,
    }
}

/// A model in a cloud.
const fn cloud(
    name: &'static str,
    job: Job,
    first_ms: u64,
    writes: u64,
    rpm: Option<Allowance>,
) -> Model {
    Model {
        name,
        job,
        thinks: 0,
        first_ms,
        writes,
        reads: 24_000,
        window: 128_000,
        length: 150,
        load_ms: 0,
        bytes: 0,
        rpm,
    }
}
