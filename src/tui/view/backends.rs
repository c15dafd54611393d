//! One backend in detail: state and why, its host, its speed, its limits, its money, its last errors.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::figures::figure;
use super::{Screen, split_top};
use crate::base::{BreakerState, HostState, Wall};
use crate::control::{Backend, BackendState, Host, RequestRow};
use crate::tui::format;
use crate::tui::glyph;
use crate::tui::table::{RowRef, TableId, recovery};
use crate::tui::theme::Role;
use crate::tui::widget::chart::{Chart, Curve};
use crate::tui::widget::list::List;
use crate::tui::widget::{gauge, put, spark};

impl Screen<'_> {
    pub(super) fn backend_detail(&mut self, area: Rect) {
        let state = self.state;
        let Some(backend) = state.backend() else {
            self.frame(area, Line::default(), Line::default(), false);
            return;
        };
        let role = Role::of_state(backend.state);
        let word = format!("{} {}", glyph::state(backend.state), backend.state.word());
        let title = Line::from(self.span(Role::Heading, backend.name.clone()));
        let inner = self.frame(area, title, Line::from(self.span(role, word)), state.open);
        let inner = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            ..inner
        };
        let host = state.shown.hosts.get(backend.host);
        let mut left = self.health(backend, host);
        let right = self.figures_of(backend);
        let lines = if inner.width >= 108 {
            left.len().max(right.len())
        } else {
            left.len() + right.len()
        };
        let (inner, below) = split_top(inner, format::cells(lines));
        let (chart, rest) = split_top(below, below.height.min(13));
        self.tries(chart, backend);
        self.its_requests(rest, backend);
        // Side by side when both fit; one after the other when not.
        if inner.width >= 108 {
            let half = inner.width / 2;
            self.lines(
                Rect {
                    width: half - 2,
                    ..inner
                },
                &left,
            );
            let place = Rect {
                x: inner.x + half,
                width: inner.width - half,
                ..inner
            };
            self.lines(place, &right);
        } else {
            left.extend(right);
            self.lines(inner, &left);
        }
    }

    /// The latest requests that tried this backend, where there is room for them.
    fn its_requests(&mut self, area: Rect, backend: &Backend) {
        if area.height < 5 {
            return;
        }
        let area = Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        };
        let (title, area) = split_top(area, 1);
        let line = Line::from(self.span(Role::Heading, "latest requests"));
        put(self.buffer, title.x, title.y, title.width, &line);
        let tried = |row: &RequestRow| {
            row.record
                .attempts
                .iter()
                .any(|attempt| *attempt.backend == *backend.name)
        };
        let recent = self.state.shown.recent.iter().filter(|row| tried(row));
        let rows: Vec<RowRef<'_>> = recent
            .take(usize::from(area.height))
            .map(|row| RowRef::Request(row))
            .collect();
        if rows.is_empty() {
            let line = Line::from(self.span(Role::Faint, "none in the list of requests"));
            put(self.buffer, area.x, area.y, area.width, &line);
            return;
        }
        List {
            columns: TableId::Requests.columns(),
            rows: &rows,
            selected: None,
            sort: None,
            offset: 0,
            context: self.context(),
        }
        .draw(self.buffer, area);
    }

    /// Tries a minute over the last quarter of an hour, where the text leaves room.
    fn tries(&mut self, area: Rect, backend: &Backend) {
        if area.height < 6 || backend.spark.is_empty() {
            return;
        }
        let area = Rect {
            y: area.y + 1,
            height: (area.height - 1).min(12),
            ..area
        };
        let (title, area) = split_top(area, 1);
        let line = Line::from(vec![
            self.span(Role::Heading, "tries a minute"),
            self.span(Role::Down, "   failed"),
        ]);
        put(self.buffer, title.x, title.y, title.width, &line);
        let per_minute = backend.spark.len() as f64 / 15.0;
        let curve = |counts: &[u32], role| Curve {
            values: counts
                .iter()
                .map(|count| {
                    (*count > 0 || role == Role::Series1).then(|| f64::from(*count) * per_minute)
                })
                .collect(),
            style: self.theme.style(role),
            filled: true,
        };
        let context = self.context();
        let now = context.now();
        let start = Wall::from_micros(now.as_micros() - 900_000_000);
        Chart {
            curves: vec![
                curve(&backend.spark, Role::Series1),
                curve(&backend.spark_errors, Role::Down),
            ],
            label: format::decimal,
            ends: Some((
                format::clock_short(start, context.zone()),
                format::clock_short(now, context.zone()),
            )),
            marks: Vec::new(),
            theme: self.theme,
        }
        .draw(self.buffer, area);
    }

    /// State, reason, breaker, host, probe, traffic and errors.
    fn health(&self, backend: &Backend, host: Option<&Host>) -> Vec<Line<'static>> {
        let role = Role::of_state(backend.state);
        let since = format::span(backend.since_ms + self.state.elapsed_ms());
        let mut why = vec![
            self.span(
                role,
                format!("{} {}", glyph::state(backend.state), backend.state.word()),
            ),
            self.span(Role::Muted, format!(" for {since}")),
        ];
        if !backend.why.is_empty() {
            why.push(self.span(Role::Text, format!("   {}", backend.why)));
        }
        let mut lines = vec![self.pair("state", why)];
        if let Some((left, total)) = recovery(backend, self.state.elapsed_ms()) {
            let passed = 1.0 - left as f64 / total as f64;
            let mut spans = gauge(
                passed,
                16,
                self.theme.style(Role::Cooling),
                self.theme.style(Role::Track),
            );
            spans.push(self.span(Role::Heading, format!(" {}", format::countdown(left))));
            spans.push(self.span(Role::Muted, format!(" of {}", format::countdown(total))));
            lines.push(self.pair("recovers", spans));
        }
        lines.push(self.breaker(backend));
        if let Some(host) = host {
            lines.extend(self.host(host));
        }
        let last_ok = backend.last_ok_ms.map_or_else(
            || "never".to_owned(),
            |ms| match format::age(ms + self.state.elapsed_ms()).as_str() {
                "now" => "just now".to_owned(),
                age => format!("{age} ago"),
            },
        );
        let mut spans = vec![
            self.span(Role::Text, format!("{} in flight", backend.in_flight)),
            self.span(Role::Muted, format!("   last served {last_ok}")),
        ];
        if backend.state == BackendState::Draining {
            spans.push(self.span(Role::Draining, "   is being drained"));
        }
        lines.push(self.pair("traffic", spans));
        if !backend.spark.is_empty() {
            let mut line = spark(&backend.spark, &backend.spark_errors, 30, self.theme);
            line.spans.push(self.span(Role::Muted, " 15 min"));
            lines.push(self.pair("", line.spans));
        }
        lines.extend(self.last_errors(backend));
        lines
    }

    fn breaker(&self, backend: &Backend) -> Line<'static> {
        let breaker = match backend.breaker {
            BreakerState::Closed => self.span(Role::Up, "closed"),
            BreakerState::Open => self.span(Role::Cooling, "open"),
            BreakerState::HalfOpen => self.span(Role::Probing, "half-open, one request at a time"),
        };
        let allowed = backend
            .fails_allowed
            .map_or_else(|| "–".to_owned(), |allowed| allowed.to_string());
        let mut spans = vec![
            breaker,
            self.span(
                Role::Muted,
                format!("   {} of {allowed} failures", backend.fails),
            ),
        ];
        if backend.cooldowns_in_row > 0 {
            spans.push(self.span(
                Role::Muted,
                format!("   {} cooldowns in a row", backend.cooldowns_in_row),
            ));
        }
        self.pair("breaker", spans)
    }

    fn last_errors(&self, backend: &Backend) -> Vec<Line<'static>> {
        let context = self.context();
        let errors = backend.errors.iter().take(5).enumerate();
        let line = |(place, (at, text)): (usize, &(Wall, String))| {
            let label = if place == 0 { "errors" } else { "" };
            let time = format::clock_or_day(*at, context.now(), context.zone());
            let time = self.span(Role::Muted, format!("{time} "));
            self.pair(label, vec![time, self.span(Role::Text, text.clone())])
        };
        errors.map(line).collect()
    }

    fn host(&self, host: &Host) -> Vec<Line<'static>> {
        let (role, word) = match host.state {
            HostState::Unknown => (Role::Muted, "not heard of yet"),
            HostState::Up => (Role::Up, "answers"),
            HostState::Probing => (Role::Probing, "answers again"),
            HostState::Down => (Role::Down, "does not answer"),
        };
        let since = format::span(host.since_ms + self.state.elapsed_ms());
        let mut lines = vec![self.pair(
            "host",
            vec![
                self.span(Role::Text, host.base.clone()),
                self.span(role, format!("   {word}")),
                self.span(Role::Faint, format!(" {since}")),
            ],
        )];
        let mut probe = Vec::new();
        if host.probed {
            let said = if host.last_probe.is_empty() {
                "not yet"
            } else {
                &host.last_probe
            };
            probe.push(self.span(Role::Text, said.to_owned()));
            if let Some(next) = host.next_probe_ms {
                let left = next.saturating_sub(self.state.elapsed_ms());
                probe.push(self.span(
                    Role::Muted,
                    format!("   next in {}", format::countdown(left)),
                ));
            }
        } else {
            probe.push(self.span(Role::Muted, "none: a cloud is judged by its traffic"));
        }
        lines.push(self.pair("probe", probe));
        if let Some(runs) = host.simulated {
            let (role, text) = if runs {
                (Role::Up, "runs   x stops it")
            } else {
                (Role::Down, "stopped   x starts it")
            };
            lines.push(self.pair("simulated", vec![self.span(role, text)]));
        }
        lines
    }

    /// Speed, tokens, money, limits.
    fn figures_of(&self, backend: &Backend) -> Vec<Line<'static>> {
        let place = if backend.local {
            "self-hosted"
        } else {
            "cloud"
        };
        let serves = format!("   as {} on {}, {place}", backend.model, backend.provider);
        let mut lines = vec![self.pair(
            "serves",
            vec![
                self.span(Role::Text, backend.group.clone()),
                self.span(Role::Muted, serves),
            ],
        )];
        lines.extend(self.stats_lines(&backend.stats, &backend.today));
        lines.push(self.pair("price", self.price(backend)));
        lines.push(self.limits(backend));
        let mut routing = Vec::new();
        if let Some(order) = backend.order {
            routing.push(figure("order", order.to_string(), Role::Text));
        }
        if let Some(weight) = backend.weight {
            routing.push(figure("weight", weight.to_string(), Role::Text));
        }
        if !backend.tags.is_empty() {
            routing.push(figure("tags", backend.tags.join(" "), Role::Accent));
        }
        if !routing.is_empty() {
            lines.push(self.line_of("routing", &routing));
        }
        lines.push(self.pair("id", vec![self.span(Role::Faint, backend.id.clone())]));
        lines
    }

    /// The window, and what of the minute's requests and tokens is used.
    fn limits(&self, backend: &Backend) -> Line<'static> {
        let window = backend.window.map_or_else(|| "?".to_owned(), format::count);
        let mut limits = vec![figure("window", window, Role::Text)];
        for (name, used, limit) in [
            ("rpm", backend.rpm_used, backend.rpm),
            ("tpm", backend.tpm_used, backend.tpm),
        ] {
            if let Some(limit) = limit {
                let role = if used >= limit {
                    Role::Warn
                } else {
                    Role::Text
                };
                let text = format!("{}/{}", format::count(used), format::count(limit));
                limits.push(figure(name, text, role));
            }
        }
        self.line_of("limits", &limits)
    }

    fn price(&self, backend: &Backend) -> Vec<Span<'static>> {
        match (backend.price_in, backend.price_out) {
            (None, None) => {
                vec![self.span(Role::Muted, "? not known, so its requests are unpriced")]
            },
            (Some(a), Some(b)) if a.0 == 0 && b.0 == 0 => vec![self.span(Role::Text, "free")],
            (price_in, price_out) => self.figures(&[
                figure("in", format::money_or(price_in), Role::Cost),
                figure("out", format::money_or(price_out), Role::Cost),
                figure("", "a million tokens", Role::Muted),
            ]),
        }
    }
}
