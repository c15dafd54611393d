//! One request in detail: what it was, and its tries as a waterfall over time, each with its reason.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Screen;
use super::figures::figure;
use crate::base::{Attempt, AttemptOutcome, RequestRecord, Surface};
use crate::control::InFlight;
use crate::tui::format::{self, fit};
use crate::tui::table::{RowRef, TableId, status_text};
use crate::tui::theme::Role;
use crate::tui::widget::wrap;

impl Screen<'_> {
    pub(super) fn request_detail(&mut self, area: Rect) {
        let state = self.state;
        match state.selected(TableId::Requests) {
            Some(RowRef::Request(row)) => {
                let record = &row.record;
                let title = Line::from(vec![
                    self.span(Role::Heading, record.client_model.to_string()),
                    self.span(Role::Muted, format!("  {}", record.call_id)),
                ]);
                let role = if record.is_ok() {
                    Role::Up
                } else {
                    Role::Error
                };
                let right = Line::from(self.span(role, status_text(record)));
                let inner = self.frame(area, title, right, state.open);
                let inner = Rect {
                    x: inner.x + 1,
                    width: inner.width.saturating_sub(2),
                    ..inner
                };
                let lines = self.request_lines(record, usize::from(inner.width));
                self.lines(inner, &lines);
            },
            Some(RowRef::Flight(flight)) => {
                let title = Line::from(vec![
                    self.span(Role::Heading, flight.model.clone()),
                    self.span(Role::Muted, format!("  {}", flight.call_id)),
                ]);
                let inner = self.frame(
                    area,
                    title,
                    Line::from(self.span(Role::Accent, "in flight")),
                    state.open,
                );
                let inner = Rect {
                    x: inner.x + 1,
                    width: inner.width.saturating_sub(2),
                    ..inner
                };
                let lines = self.flight_lines(flight);
                self.lines(inner, &lines);
            },
            _ => {
                self.frame(area, Line::default(), Line::default(), false);
            },
        }
    }

    fn flight_lines(&self, flight: &InFlight) -> Vec<Line<'static>> {
        let age = flight.age_ms + self.state.elapsed_ms();
        let (role, doing) = match (flight.streaming, flight.backend.is_empty()) {
            (true, _) => (Role::Accent, "content is going to the client"),
            (false, true) => (Role::Muted, "waits for a backend"),
            (false, false) => (Role::Muted, "waits for the first content"),
        };
        let backend = if flight.backend.is_empty() {
            "–"
        } else {
            &flight.backend
        };
        vec![
            self.pair(
                "state",
                vec![
                    self.span(role, doing),
                    self.span(Role::Text, format!("   {}", format::millis(age as f64))),
                ],
            ),
            self.pair(
                "backend",
                vec![
                    self.span(Role::Text, backend.to_owned()),
                    self.span(
                        if flight.attempt > 1 {
                            Role::Warn
                        } else {
                            Role::Muted
                        },
                        format!("   try {}", flight.attempt),
                    ),
                ],
            ),
            self.pair("client", vec![self.span(Role::Text, flight.client.clone())]),
            Line::default(),
            Line::from(self.span(Role::Faint, "its tries are shown here when it has ended")),
        ]
    }

    fn request_lines(&self, record: &RequestRecord, width: usize) -> Vec<Line<'static>> {
        let mut lines = self.waterfall(record, width);
        lines.push(Line::default());
        lines.push(self.pair("tokens", self.tokens(record)));
        let first = record
            .first_token_us
            .map_or_else(|| "–".to_owned(), format::micros);
        let overhead = format!("{:.2}ms", record.overhead_us as f64 / 1_000.0);
        lines.push(self.line_of(
            "time",
            &[
                figure("", format::micros(record.took_us), Role::Text),
                figure("first token", first, Role::Text),
                figure("gateway", overhead, Role::Muted),
            ],
        ));
        let or_dash = |text: &str| {
            if text.is_empty() {
                "–".to_owned()
            } else {
                text.to_owned()
            }
        };
        let kind = if record.stream { "stream" } else { "plain" };
        lines.push(self.line_of(
            "client",
            &[
                figure("key", or_dash(&record.key), Role::Text),
                figure("", or_dash(&record.user_agent), Role::Text),
                figure("", record.client_addr.to_string(), Role::Muted),
                figure(
                    "",
                    format!("{} {kind}", surface(record.surface)),
                    Role::Muted,
                ),
            ],
        ));
        let mut more = Vec::new();
        if !record.tags.is_empty() {
            more.push(figure("tags", record.tags.join(" "), Role::Accent));
        }
        if !record.end_user.is_empty() {
            more.push(figure("user", record.end_user.clone(), Role::Text));
        }
        let sizes = format!(
            "{} in, {} out",
            bytes(record.bytes_in),
            bytes(record.bytes_out)
        );
        more.push(figure("", sizes, Role::Muted));
        lines.push(self.line_of("more", &more));
        let id = self.span(Role::Faint, record.call_id.to_string());
        lines.push(self.pair("id", vec![id]));
        lines
    }

    /// Tokens, their share of the window, and what they cost.
    fn tokens(&self, record: &RequestRecord) -> Vec<Span<'static>> {
        let mut tokens = Vec::new();
        match record.usage {
            None => tokens.push(figure("", "? the upstream never said", Role::Muted)),
            Some(usage) => {
                tokens.push(figure("in", format::count(usage.prompt), Role::TokensIn));
                tokens.push(figure(
                    "out",
                    format::count(usage.completion),
                    Role::TokensOut,
                ));
                for (name, count) in [("cached", usage.cached), ("reasoning", usage.reasoning)] {
                    if count > 0 {
                        tokens.push(figure(name, format::count(count), Role::TokensCached));
                    }
                }
                if let Some(window) = record.window.filter(|window| *window > 0) {
                    let share = format::percent(usage.total() as f64 / window as f64);
                    tokens.push(figure("", format!("{share} of the window"), Role::Muted));
                }
            },
        }
        tokens.push(match record.cost {
            Some(cost) if cost.0 == 0 => figure("", "free", Role::Muted),
            Some(cost) => figure("", format!("${cost}"), Role::Cost),
            None => figure("", "? unpriced", Role::Warn),
        });
        self.figures(&tokens)
    }

    /// Each try with its bar on one common time axis, and below it why it was made and how it ended.
    fn waterfall(&self, record: &RequestRecord, width: usize) -> Vec<Line<'static>> {
        if record.attempts.is_empty() {
            let text = if record.error.is_empty() {
                "no try was made"
            } else {
                "no try was made: refused by the gateway"
            };
            return vec![Line::from(self.span(Role::Muted, text))];
        }
        let whole = record
            .attempts
            .iter()
            .map(|attempt| attempt.started_us + attempt.took_us)
            .max();
        let whole = whole.unwrap_or(0).max(record.took_us).max(1);
        let name_width = record
            .attempts
            .iter()
            .map(|attempt| format::width(&attempt.backend))
            .max()
            .unwrap_or(0);
        let name_width = name_width.clamp(8, (width / 3).max(8));
        let bar = width.saturating_sub(name_width + 2 + 1 + 16).max(4);
        let mut lines = Vec::new();
        for (number, attempt) in (1..).zip(&record.attempts) {
            let (role, ended) = ending(attempt);
            let name = fit(&attempt.backend, name_width);
            let mut spans = vec![
                self.span(Role::Key, format!("{number} ")),
                self.span(Role::Text, format!("{name:<name_width$} ")),
            ];
            spans.extend(self.bar(attempt, whole, bar, role));
            spans.push(self.span(role, format!(" {:>5} ", format::micros(attempt.took_us))));
            spans.push(self.span(role, fit(&ended, 9)));
            lines.push(Line::from(spans));
            let mut text = format!("why  {}", attempt.reason);
            if !attempt.error.is_empty() {
                let status = attempt
                    .status
                    .map_or_else(String::new, |status| format!("{status} "));
                text = format!("{text}   →  {status}{}", attempt.error);
                if !attempt.message.is_empty() {
                    text = format!("{text}: {}", attempt.message);
                }
            }
            for line in wrap(&text, width.saturating_sub(2)).into_iter().take(3) {
                lines.push(Line::from(self.span(Role::Muted, format!("  {line}"))));
            }
        }
        lines
    }

    /// A bar: hollow until the first content, solid from there on.
    fn bar(&self, attempt: &Attempt, whole: u64, width: usize, role: Role) -> Vec<Span<'static>> {
        let cell = |us: u64| format::index(us.min(whole) as f64 / whole as f64 * width as f64);
        let start = cell(attempt.started_us).min(width.saturating_sub(1));
        let end = cell(attempt.started_us + attempt.took_us).clamp(start + 1, width.max(start + 1));
        let first = match attempt.first_token_us {
            Some(us) => cell(attempt.started_us + us).clamp(start, end),
            // Without any content the whole of it was waiting; a failure is solid to be seen.
            None if attempt.outcome == AttemptOutcome::Failed => start,
            None => end,
        };
        vec![
            self.span(Role::Track, "·".repeat(start)),
            self.span(role, "░".repeat(first - start)),
            self.span(role, "█".repeat(end - first)),
            self.span(Role::Track, "·".repeat(width.saturating_sub(end))),
        ]
    }
}

/// How a try ended, in a colour and a word.
fn ending(attempt: &Attempt) -> (Role, String) {
    let status = attempt.status.map(|status| status.to_string());
    match attempt.outcome {
        AttemptOutcome::Served => (Role::Up, status.unwrap_or_else(|| "served".to_owned())),
        AttemptOutcome::Failed => (Role::Down, status.unwrap_or_else(|| attempt.error.clone())),
        AttemptOutcome::Cut => (Role::Warn, "cut".to_owned()),
        AttemptOutcome::Cancelled => (Role::Off, "left".to_owned()),
    }
}

const fn surface(surface: Surface) -> &'static str {
    match surface {
        Surface::Chat => "chat",
        Surface::Completions => "completion",
        Surface::Embeddings => "embedding",
        Surface::Messages => "messages",
        Surface::CountTokens => "count tokens",
        Surface::Rerank => "rerank",
        Surface::Transcription => "transcription",
        Surface::Speech => "speech",
        Surface::Images => "image",
        Surface::Moderations => "moderation",
    }
}

fn bytes(count: u64) -> String {
    if count < 1_024 {
        format!("{count} B")
    } else if count < 1_048_576 {
        format!("{:.1} KiB", count as f64 / 1_024.0)
    } else {
        format!("{:.1} MiB", count as f64 / 1_048_576.0)
    }
}
