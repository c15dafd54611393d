//! What surrounds every screen: header, tabs, headline, banners, footer; and the one line that is
//! left when there is no room.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{ROOMY, Screen, split_top};
use crate::base::Severity;
use crate::control::BackendState;
use crate::tui::format::{self, fit};
use crate::tui::glyph;
use crate::tui::state::Tab;
use crate::tui::table::recovery;
use crate::tui::theme::Role;
use crate::tui::update::Target;
use crate::tui::widget::{fit_spans, put, put_text};

/// A piece of a line that may be left out: the higher its rank, the sooner.
struct Piece {
    rank: u8,
    spans: Vec<Span<'static>>,
}

impl Screen<'_> {
    /// Draws everything around the body; returns the body's space.
    pub(super) fn chrome(&mut self, area: Rect) -> Rect {
        let small = area.width < ROOMY.0 || area.height < ROOMY.1;
        let (top, mut rest) = split_top(area, 1);
        if small {
            self.small_header(top);
        } else {
            self.header(top);
            let (tabs, below) = split_top(rest, 1);
            self.tabs(tabs);
            rest = below;
        }
        let (line, below) = split_top(rest, 1);
        self.headline(line);
        rest = below;
        for (role, text) in self.banners().into_iter().take(if small { 1 } else { 3 }) {
            let (line, below) = split_top(rest, 1);
            put(
                self.buffer,
                line.x,
                line.y,
                line.width,
                &Line::styled(format!(" {text}"), self.theme.style(role)),
            );
            rest = below;
        }
        let footer = if self.state.input.is_some() { 2 } else { 1 };
        let (body, footer) = split_top(rest, rest.height.saturating_sub(footer));
        self.footer(footer);
        body
    }

    fn header(&mut self, area: Rect) {
        let mut left = self.header_left(area.width >= 150);
        let mut right = self.header_right();
        let width = |pieces: &[Piece]| -> usize {
            pieces
                .iter()
                .flat_map(|piece| &piece.spans)
                .map(Span::width)
                .sum()
        };
        while width(&left) + width(&right) + 2 > usize::from(area.width) {
            let ranks = left.iter().chain(&right).map(|piece| piece.rank);
            let worst = ranks.max().unwrap_or(0);
            if worst == 0 {
                break;
            }
            left.retain(|piece| piece.rank != worst);
            right.retain(|piece| piece.rank != worst);
        }
        let line = |pieces: Vec<Piece>| {
            let spans = pieces.into_iter().flat_map(|piece| piece.spans);
            Line::from(spans.collect::<Vec<_>>())
        };
        put(self.buffer, area.x, area.y, area.width, &line(left));
        let right = line(right);
        let width = format::cells(right.width()).min(area.width);
        put(self.buffer, area.right() - width, area.y, width, &right);
    }

    /// Who this is, where it listens, for how long.
    fn header_left(&self, wide: bool) -> Vec<Piece> {
        let gateway = &self.state.shown.gateway;
        let (dot, word) = if gateway.draining {
            (Role::Draining, "  ◍ draining ")
        } else {
            (Role::Up, "  ● ")
        };
        let piece = |rank, role, text: String| Piece {
            rank,
            spans: vec![self.span(role, text)],
        };
        let mut pieces = vec![
            piece(0, Role::Brand, " pointsman".to_owned()),
            piece(7, Role::Faint, format!(" {}", gateway.version)),
            Piece {
                rank: 3,
                spans: vec![
                    self.span(dot, word),
                    self.span(Role::Text, gateway.listen.clone()),
                ],
            },
            piece(6, Role::Muted, format!("  up {}", self.state.uptime())),
        ];
        if gateway.demo {
            pieces.push(piece(2, Role::Warn, "  demo".to_owned()));
        }
        if wide {
            pieces.push(piece(8, Role::Faint, format!("  {}", gateway.config_path)));
        }
        pieces
    }

    /// What goes on now, and what it cost today.
    fn header_right(&self) -> Vec<Piece> {
        let snapshot = &self.state.shown;
        let (now, today) = (&snapshot.now, &snapshot.today);
        let errors = now.error_rate().unwrap_or(0.0);
        let error_role = match errors {
            rate if rate >= 0.05 => Role::Error,
            rate if rate > 0.0 => Role::Warn,
            _ => Role::Text,
        };
        let piece = |rank, label: &str, value: String, role| Piece {
            rank,
            spans: vec![self.span(Role::Muted, label), self.span(role, value + "  ")],
        };
        let cost = format::money_with(today.cost, today.requests, today.unpriced);
        let p95 = format::millis_or(now.p95_ms);
        vec![
            piece(
                4,
                "in flight ",
                format!("{:>2}", snapshot.in_flight.len()),
                Role::Text,
            ),
            piece(
                0,
                "",
                format!("{:>4} req/s", format::decimal(now.rps)),
                Role::Text,
            ),
            piece(
                1,
                "err ",
                format!("{:>5}", format::percent(errors)),
                error_role,
            ),
            piece(5, "p95 ", format!("{p95:>5}"), Role::Text),
            Piece {
                rank: 0,
                spans: vec![
                    self.span(Role::Cost, cost),
                    self.span(Role::Muted, " today "),
                ],
            },
        ]
    }

    fn tabs(&mut self, area: Rect) {
        let short = area.width < 100;
        let mut x = area.x;
        for (number, tab) in (1..).zip(Tab::ALL) {
            let news = self.state.new_events();
            let badge = if tab == Tab::Events && news > 0 && self.state.tab != Tab::Events {
                format!("•{}", format::count(news))
            } else {
                String::new()
            };
            let name: String = if short {
                tab.word().chars().take(8).collect()
            } else {
                tab.word().to_owned()
            };
            let here = tab == self.state.tab;
            let (open, close) = if here { ("[", "]") } else { (" ", " ") };
            let style = self
                .theme
                .style(if here { Role::Heading } else { Role::Muted });
            let line = Line::from(vec![
                self.span(if here { Role::Accent } else { Role::Muted }, open),
                self.span(Role::Key, number.to_string()),
                Span::styled(format!(" {name}"), style),
                self.span(Role::Warn, badge),
                self.span(if here { Role::Accent } else { Role::Muted }, close),
            ]);
            let used = put(
                self.buffer,
                x,
                area.y,
                area.right().saturating_sub(x),
                &line,
            );
            self.drawn
                .targets
                .push((Rect::new(x, area.y, used, 1), Target::Tab(tab)));
            x += used + u16::from(!short);
        }
        let room = area.right().saturating_sub(x);
        let mut flags = self.flags(true);
        if flags.width() >= usize::from(room) {
            flags = self.flags(false);
        }
        let width = format::cells(flags.width());
        if room > width {
            put(self.buffer, area.right() - width, area.y, width, &flags);
        }
    }

    /// What is unusual about the view, then the time zone.
    fn flags(&self, with_zone: bool) -> Line<'static> {
        let mut spans = Vec::new();
        if self.state.paused.is_some() {
            spans.push(self.span(
                Role::Warn,
                format!("paused +{}  ", format::count(self.state.held_back())),
            ));
        }
        if !self.state.mouse {
            spans.push(self.span(Role::Faint, "mouse off  "));
        }
        if !with_zone {
            return Line::from(spans);
        }
        let gateway = &self.state.shown.gateway;
        let offset = format::offset(gateway.zone_offset_s);
        let wide =
            self.buffer.area.width >= 100 && gateway.zone != offset && !gateway.zone.is_empty();
        let zone = if wide {
            format!("{} {offset} ", gateway.zone)
        } else {
            format!("{offset} ")
        };
        spans.push(self.span(Role::Muted, zone));
        Line::from(spans)
    }

    /// Header and tabs in one line.
    fn small_header(&mut self, area: Rect) {
        let snapshot = &self.state.shown;
        let errors = snapshot.now.error_rate().unwrap_or(0.0);
        let today = &snapshot.today;
        let place = Tab::ALL
            .iter()
            .position(|tab| *tab == self.state.tab)
            .unwrap_or(0)
            + 1;
        let paused = if self.state.paused.is_some() {
            " paused"
        } else {
            ""
        };
        let spans = vec![
            self.span(Role::Brand, "pointsman "),
            self.span(
                Role::Text,
                format!("{}/s ", format::decimal(snapshot.now.rps)),
            ),
            self.span(
                if errors > 0.0 {
                    Role::Warn
                } else {
                    Role::Muted
                },
                format!("err {} ", format::percent(errors)),
            ),
            self.span(
                Role::Cost,
                format::money_with(today.cost, today.requests, today.unpriced),
            ),
            self.span(Role::Warn, paused),
        ];
        let right = format!("{place}/{} ", Tab::ALL.len());
        let room = area.width.saturating_sub(format::cells(right.len()) + 1);
        put(self.buffer, area.x, area.y, room, &Line::from(spans));
        put_text(
            self.buffer,
            area.right() - format::cells(right.len()),
            area.y,
            6,
            &right,
            self.theme.style(Role::Muted),
        );
    }

    /// The sentence for the worst thing going on, or that there is none.
    fn headline(&mut self, area: Rect) {
        let (role, text) = match &self.state.shown.headline {
            Some(headline) => {
                let (role, sign) = match headline.severity {
                    Severity::Error => (Role::Error, "✗"),
                    Severity::Warning => (Role::Warn, "▲"),
                    Severity::Note => (Role::Info, "●"),
                };
                (role, format!(" {sign} {}", headline.text))
            },
            None => (Role::Muted, format!(" {}", self.calm())),
        };
        put(
            self.buffer,
            area.x,
            area.y,
            area.width,
            &Line::styled(text, self.theme.style(role)),
        );
    }

    fn calm(&self) -> String {
        let snapshot = &self.state.shown;
        let up = snapshot
            .backends
            .iter()
            .filter(|backend| backend.state == BackendState::Up)
            .count();
        if snapshot.today.requests == 0
            && snapshot.in_flight.is_empty()
            && snapshot.recent.is_empty()
        {
            return format!("no requests yet: point an app at {}", self.state.base_url());
        }
        let all = snapshot.backends.len();
        if up == all {
            format!("all is well: {up} of {all} backends up")
        } else {
            format!("{up} of {all} backends up")
        }
    }

    /// Lasting trouble: a config that is not in force, a ledger that cannot write.
    fn banners(&self) -> Vec<(Role, String)> {
        let gateway = &self.state.shown.gateway;
        let mut banners = Vec::new();
        if let Some(first) = gateway.config_errors.first() {
            let more = gateway.config_errors.len() - 1;
            let more = if more > 0 {
                format!(" (+{more} more)")
            } else {
                String::new()
            };
            let since = gateway.config_loaded.map_or_else(String::new, |at| {
                format!(
                    "; in force: that of {}",
                    format::clock(at, gateway.zone_offset_s)
                )
            });
            let place = first
                .place
                .as_ref()
                .map_or_else(String::new, |place| format!("{place}: "));
            let text = format!("✗ {place}{}{more}{since}", first.message);
            banners.push((Role::Error, text));
        }
        if !gateway.ledger.trouble.is_empty() {
            let lost = gateway.ledger.lost;
            let lost = if lost > 0 {
                format!(
                    "; {} rows lost, their money is counted",
                    format::count(lost)
                )
            } else {
                String::new()
            };
            banners.push((
                Role::Warn,
                format!("▲ ledger: {}{lost}", gateway.ledger.trouble),
            ));
        }
        banners
    }

    /// All that fits when the screen is tiny: one line, never a refusal.
    pub(super) fn one_line(&mut self, area: Rect) {
        if area.height == 0 {
            return;
        }
        let snapshot = &self.state.shown;
        let elapsed = self.state.elapsed_ms();
        let mut spans = vec![
            self.span(Role::Brand, "pointsman "),
            self.span(Role::Up, "● "),
            self.span(
                Role::Text,
                format!("{}/s ", format::decimal(snapshot.now.rps)),
            ),
            self.span(
                Role::Muted,
                format!(
                    "{} ",
                    format::percent(snapshot.now.error_rate().unwrap_or(0.0))
                ),
            ),
            self.span(
                Role::Cost,
                format!("{} ", format::money(snapshot.today.cost)),
            ),
        ];
        for backend in snapshot
            .backends
            .iter()
            .filter(|backend| backend.state < BackendState::Draining)
        {
            let role = Role::of_state(backend.state);
            let left = recovery(backend, elapsed).map_or_else(String::new, |(left, _)| {
                format!(" {}", format::countdown(left))
            });
            let name = fit(&backend.name, 16);
            spans.push(self.span(
                role,
                format!("{}{name}{left} ", glyph::state(backend.state)),
            ));
        }
        let line = fit_spans(spans, usize::from(area.width));
        put(self.buffer, area.x, area.y, area.width, &line);
        if area.height > 1 && self.state.overlay.is_some() {
            let text = "larger, please: there is a question";
            put_text(
                self.buffer,
                area.x,
                area.y + 1,
                area.width,
                text,
                Style::new(),
            );
        }
    }
}
