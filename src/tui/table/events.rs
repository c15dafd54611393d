//! The list of events, newest first.

use std::borrow::Cow;

use ratatui::text::{Line, Span};

use super::{Column, Context, Value};
use crate::base::Severity;
use crate::control::{Event, EventKind};
use crate::tui::format::{self, fit};
use crate::tui::theme::Role;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("time", "TIME", 't', [8, 8, 8], 1).falling(),
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

/// Whom or what it is about; a host without its scheme, which says least and stands first.
pub(crate) fn subject(event: &Event) -> &str {
    let subject = event.subject.as_str();
    let bare = subject.strip_prefix("http://");
    bare.or_else(|| subject.strip_prefix("https://"))
        .unwrap_or(subject)
}

/// What happened: `from → to  why`, or the text alone. Where there is room, long names give way to the reason.
pub(crate) fn detail(event: &Event, room: usize, context: Context<'_>) -> Vec<Span<'static>> {
    let theme = context.theme;
    let text = Span::styled(event.text.clone(), theme.style(Role::Muted));
    let (Some(from), Some(to)) = (&event.from, &event.to) else {
        return vec![text];
    };
    let reason = if room < ROOMY {
        0
    } else {
        format::width(&event.text).min(room / 2) + 2
    };
    let names = room.saturating_sub(reason + 3);
    let (left, right) = shared(names, format::width(from), format::width(to));
    vec![
        Span::styled(fit(from, left), theme.style(Role::Text)),
        Span::styled(" → ", theme.style(Role::Accent)),
        Span::styled(fit(to, right), theme.style(Role::Text)),
        Span::styled("  ", theme.style(Role::Text)),
        text,
    ]
}

/// From this room on, in cells, there is enough for two names and a reason; below it names go first.
const ROOMY: usize = 48;

/// What each of two names gets of their common room: the shorter one all it needs.
fn shared(room: usize, left: usize, right: usize) -> (usize, usize) {
    let half = room / 2;
    match (left <= half, right <= half) {
        (true, _) => (left, room - left),
        (false, true) => (room - right, right),
        (false, false) => (half, room - half),
    }
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
        "what" => styled(subject(event), Role::Text),
        "detail" => crate::tui::widget::fit_spans(detail(event, width, context), width),
        "count" if event.count > 1 => styled(
            &format!("×{}", format::count(u64::from(event.count))),
            Role::Warn,
        ),
        "id" => styled(event.call_id.as_deref().unwrap_or(""), Role::Faint),
        _ => Line::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;
    use crate::tui::theme::Theme;

    #[test]
    fn the_reason_is_seen_beside_long_names() {
        let (snapshot, theme) = (fixture::busy(), Theme::of_roles());
        let context = Context {
            snapshot: &snapshot,
            elapsed_ms: 0,
            theme: &theme,
        };
        let event = Event {
            from: Some("hosted_vllm/openai/gpt-oss-120b @ 10.0.0.5:8000".to_owned()),
            to: Some("anthropic/claude-sonnet-4-5-20250929 @ api.anthropic.com".to_owned()),
            text: "fallback from coder: 503".to_owned(),
            ..snapshot.events[0].as_ref().clone()
        };
        for (width, expected) in [
            (
                57,
                "hosted_vllm/o… → anthropic/cla…  fallback from coder: 503",
            ),
            (36, "hosted_vllm/ope… → anthropic/claude…"),
        ] {
            let line = cell(&event, "detail", width, context).to_string();
            assert_eq!(line.trim_end(), expected);
        }
    }

    #[test]
    fn a_short_name_leaves_its_room_to_the_long_one() {
        for (room, left, right, expected) in [
            (20, 5, 9, (5, 15)),
            (20, 5, 30, (5, 15)),
            (20, 30, 5, (15, 5)),
            (21, 30, 30, (10, 11)),
        ] {
            assert_eq!(shared(room, left, right), expected);
        }
    }
}
