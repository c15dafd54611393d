//! The list of events, newest first.

use std::borrow::Cow;

use ratatui::text::{Line, Span};

use super::{Column, Context, Value};
use crate::base::Severity;
use crate::control::{Event, EventKind};
use crate::tui::format::{self, fit};
use crate::tui::theme::Role;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("time", "TIME", 't', [8, 8, 8], 1),
    Column::text("kind", "KIND", 'k', [8, 8, 8], 0),
    Column::text("what", "WHAT", 'w', [12, 16, 30], 2),
    Column::text("detail", "WHAT HAPPENED, AND WHY", 'd', [22, 50, 200], 0),
    Column::number("count", "N", 'n', 5, 3),
    Column::text("id", "REQUEST", 'i', [8, 8, 12], 6),
];

pub(super) const MORE: &[&str] = &["severity", "from", "to", "backend", "model", "age"];

/// The colour of a kind of event.
pub(crate) const fn kind_role(event: &Event) -> Role {
    match event.kind {
        EventKind::Fallback => Role::Probing,
        EventKind::Cooldown => Role::Cooling,
        EventKind::Recover | EventKind::Up => Role::Up,
        EventKind::Down => Role::Down,
        EventKind::Cut | EventKind::Error | EventKind::ConfigError => Role::Error,
        EventKind::Toggle | EventKind::Reload | EventKind::Lifecycle => Role::Accent,
        EventKind::Ledger => match event.severity {
            Severity::Error => Role::Error,
            Severity::Warning => Role::Warn,
            Severity::Note => Role::Accent,
        },
    }
}

/// What happened: `from → to  why`, or the text alone.
pub(crate) fn detail(event: &Event, context: Context<'_>) -> Vec<Span<'static>> {
    let theme = context.theme;
    let text = Span::styled(event.text.clone(), theme.style(Role::Muted));
    let (Some(from), Some(to)) = (&event.from, &event.to) else {
        return vec![text];
    };
    vec![
        Span::styled(from.clone(), theme.style(Role::Text)),
        Span::styled(" → ", theme.style(Role::Accent)),
        Span::styled(to.clone(), theme.style(Role::Text)),
        Span::styled("  ", theme.style(Role::Text)),
        text,
    ]
}

pub(super) fn value<'a>(event: &'a Event, field: &str, context: Context<'a>) -> Option<Value<'a>> {
    let optional = |text: &'a Option<String>| Value::text(text.as_deref().unwrap_or(""));
    Some(match field {
        "time" => Value::Number(event.at.as_micros() as f64),
        "kind" => Value::text(event.kind.word()),
        "what" => Value::text(&event.subject),
        "detail" => Value::text(&event.text),
        "count" => Value::Number(f64::from(event.count)),
        "id" => optional(&event.call_id),
        "severity" => Value::text(event.severity.word()),
        "from" => optional(&event.from),
        "to" => optional(&event.to),
        "backend" | "model" => {
            let ends = [Some(&event.subject), event.from.as_ref(), event.to.as_ref()];
            let names: Vec<&str> = ends.into_iter().flatten().map(String::as_str).collect();
            Value::Text(Cow::Owned(names.join(" ")))
        },
        "age" => Value::Number((context.now().as_micros() - event.at.as_micros()) as f64 / 1_000.0),
        _ => return None,
    })
}

pub(super) fn cell(
    event: &Event,
    column: &str,
    width: usize,
    context: Context<'_>,
) -> Line<'static> {
    let theme = context.theme;
    let styled = |text: &str, role| Line::styled(fit(text, width), theme.style(role));
    match column {
        "time" => styled(
            &format::clock_or_day(event.at, context.now(), context.zone()),
            Role::Muted,
        ),
        "kind" => styled(event.kind.word(), kind_role(event)),
        "what" => styled(&event.subject, Role::Text),
        "detail" => crate::tui::widget::fit_spans(detail(event, context), width),
        "count" if event.count > 1 => styled(
            &format!("×{}", format::count(u64::from(event.count))),
            Role::Warn,
        ),
        "id" => styled(event.call_id.as_deref().unwrap_or(""), Role::Faint),
        _ => Line::default(),
    }
}
