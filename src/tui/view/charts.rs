//! The charts of a series: requests, latency, tokens, spend.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{Screen, columns, split_top};
use crate::base::{NanoDollars, Wall};
use crate::control::{Point, Series, Stats};
use crate::tui::format;
use crate::tui::theme::Role;
use crate::tui::widget::chart::{Chart, Curve};

/// What a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Requests a second, and those that failed.
    Requests,
    /// Median and 95th percentile of the time to the last byte.
    Latency,
    /// Tokens that passed through a second, prompts and answers; not the speed of one answer, which
    /// the lists have.
    Tokens,
    /// Dollars an hour.
    Spend,
}

impl Kind {
    /// All of them, the most telling first.
    pub(super) const ALL: [Self; 4] = [Self::Requests, Self::Latency, Self::Tokens, Self::Spend];
}

impl Screen<'_> {
    /// All four charts in a row, or two rows of two.
    pub(super) fn charts(&mut self, area: Rect, (series, now): (&Series, &Stats), rows: u16) {
        let per_row = if rows > 1 { 2 } else { 4 };
        let (top, bottom) = split_top(
            area,
            if rows > 1 {
                area.height / 2
            } else {
                area.height
            },
        );
        let places = columns(top, per_row)
            .into_iter()
            .chain(columns(bottom, per_row));
        for (kind, place) in Kind::ALL.into_iter().zip(places) {
            self.chart(place, kind, series, now);
        }
    }

    /// One chart in its panel.
    pub(super) fn chart(&mut self, area: Rect, kind: Kind, series: &Series, now: &Stats) {
        if area.height < 3 || area.width < 12 {
            return;
        }
        let (title, right) = self.chart_title(kind, now, area.width);
        let inner = self.frame(area, title, right, false);
        // The last point is still filling and would always look like a fall.
        let points = match series.points.split_last() {
            Some((_, before)) if !before.is_empty() => before,
            _ => &series.points,
        };
        let (label, curves) = self.curves(kind, points, series.step_ms);
        let span = i64::try_from(series.step_ms).unwrap_or(0)
            * i64::try_from(series.points.len()).unwrap_or(0);
        let zone = self.context().zone();
        let end = self.context().now();
        let start = Wall::from_micros(end.as_micros() - span * 1_000);
        let length = points.len().max(1) as f64;
        let marks = if kind == Kind::Requests {
            let marked = points
                .iter()
                .enumerate()
                .filter(|(_, point)| point.fallbacks > 0);
            marked.map(|(place, _)| place as f64 / length).collect()
        } else {
            Vec::new()
        };
        Chart {
            curves,
            label,
            ends: Some((
                format::clock_short(start, zone),
                format::clock_short(end, zone),
            )),
            marks,
            theme: self.theme,
        }
        .draw(self.buffer, inner);
    }

    fn chart_title(&self, kind: Kind, now: &Stats, width: u16) -> (Line<'static>, Line<'static>) {
        let heading = |text: &'static str| Line::from(self.span(Role::Heading, text));
        let rate = |count: u64| format::decimal(per_second(now, count));
        let wide = width >= 34;
        match kind {
            Kind::Requests => {
                let failed = format!("  err {}/s", rate(now.errors));
                let mut right = vec![self.span(Role::Series1, format::decimal(now.rps))];
                if wide && now.errors > 0 {
                    right.push(self.span(Role::Down, failed));
                }
                (heading("req/s"), Line::from(right))
            },
            Kind::Latency => {
                let p50 = format!("p50 {}  ", format::millis_or(now.p50_ms));
                let p95 = format!("p95 {}", format::millis_or(now.p95_ms));
                let mut right = vec![self.span(
                    Role::Series3,
                    if wide {
                        p95
                    } else {
                        format::millis_or(now.p95_ms)
                    },
                )];
                if wide {
                    right.insert(0, self.span(Role::Series2, p50));
                }
                (
                    heading(if wide { "latency" } else { "p95" }),
                    Line::from(right),
                )
            },
            Kind::Tokens => self.tokens_title(now, width),
            Kind::Spend => {
                let text = format::money(hourly(now));
                (
                    heading(if width >= 24 { "$/hour" } else { "$/h" }),
                    Line::from(self.span(Role::Cost, text)),
                )
            },
        }
    }

    /// What went in and what came out, each in the colour of its curve; their sum where there is no
    /// room for both.
    fn tokens_title(&self, now: &Stats, width: u16) -> (Line<'static>, Line<'static>) {
        let rate = |count: u64| format::decimal(per_second(now, count));
        let (title, gap) = match width {
            34.. => ("tokens/s", "  "),
            29.. => ("tok/s", " "),
            _ => {
                let sum = rate(now.tokens_in.saturating_add(now.tokens_out));
                let title = self.span(Role::Heading, "tok i/o");
                return (Line::from(title), Line::from(self.span(Role::Text, sum)));
            },
        };
        let right = vec![
            self.span(Role::TokensIn, format!("in {}{gap}", rate(now.tokens_in))),
            self.span(Role::TokensOut, format!("out {}", rate(now.tokens_out))),
        ];
        (
            Line::from(self.span(Role::Heading, title)),
            Line::from(right),
        )
    }

    fn curves(
        &self,
        kind: Kind,
        points: &[Point],
        step_ms: u64,
    ) -> (fn(f64) -> String, Vec<Curve>) {
        let step_s = (step_ms.max(1) as f64) / 1_000.0;
        let curve = |role, filled, value: &dyn Fn(&Point) -> Option<f64>| Curve {
            values: points.iter().map(value).collect(),
            style: self.theme.style(role),
            filled,
        };
        match kind {
            Kind::Requests => (
                format::decimal,
                vec![
                    curve(Role::Series1, true, &|point| {
                        Some(f64::from(point.requests) / step_s)
                    }),
                    curve(Role::Down, true, &|point| {
                        (point.errors > 0).then(|| f64::from(point.errors) / step_s)
                    }),
                ],
            ),
            Kind::Latency => (
                format::millis,
                vec![
                    curve(Role::Series3, false, &|point| point.p95_ms.map(f64::from)),
                    curve(Role::Series2, false, &|point| point.p50_ms.map(f64::from)),
                ],
            ),
            Kind::Tokens => (
                format::decimal,
                vec![
                    curve(Role::TokensIn, true, &|point| {
                        Some(point.tokens_in as f64 / step_s)
                    }),
                    curve(Role::TokensOut, true, &|point| {
                        Some(point.tokens_out as f64 / step_s)
                    }),
                ],
            ),
            Kind::Spend => (
                money_axis,
                vec![curve(Role::Cost, true, &|point| {
                    Some(format::dollars(point.cost) * 3_600.0 / step_s)
                })],
            ),
        }
    }
}

/// How long the figures of `now` were counted: a minute, or less while it is filling. The rate of
/// requests tells.
fn window_ms(now: &Stats) -> u64 {
    if now.requests == 0 || now.rps <= 0.0 {
        return 60_000;
    }
    let ms = format::index((now.requests as f64 * 1_000.0 / now.rps).round());
    u64::try_from(ms).unwrap_or(u64::MAX).max(1)
}

fn per_second(now: &Stats, count: u64) -> f64 {
    count as f64 * 1_000.0 / window_ms(now) as f64
}

fn hourly(now: &Stats) -> NanoDollars {
    let cost = i128::from(now.cost.0) * 3_600_000 / i128::from(window_ms(now));
    NanoDollars(i64::try_from(cost).unwrap_or(i64::MAX))
}

/// Dollars on an axis.
fn money_axis(value: f64) -> String {
    if value == 0.0 {
        "$0".to_owned()
    } else if value < 0.1 {
        format!("${value:.3}").replace("$0.", "$.")
    } else if value < 10.0 {
        format!("${value:.1}")
    } else {
        format!("${}", format::decimal(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_go_by_the_window_that_was_counted() {
        let young = Stats {
            requests: 5,
            rps: 1.25,
            tokens_in: 8_400,
            cost: NanoDollars(27_000_000),
            ..Stats::default()
        };
        assert_eq!(window_ms(&young), 4_000, "four seconds after the start");
        assert_eq!(format::decimal(per_second(&young, young.tokens_in)), "2.1k");
        assert_eq!(hourly(&young), NanoDollars(24_300_000_000));
        assert_eq!(window_ms(&Stats::default()), 60_000);
    }
}
