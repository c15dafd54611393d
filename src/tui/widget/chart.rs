//! Charts in braille: areas and lines over time, with an axis, a scale that fits, and gaps as gaps.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::put_text;
use crate::tui::format;
use crate::tui::theme::{Role, Theme};

/// One curve: values over time, oldest first; `None` is a gap.
pub(in crate::tui) struct Curve {
    /// The values.
    pub(in crate::tui) values: Vec<Option<f64>>,
    /// Its colour.
    pub(in crate::tui) style: Style,
    /// Whether the space below is filled.
    pub(in crate::tui) filled: bool,
}

/// A chart.
pub(in crate::tui) struct Chart<'a> {
    /// The curves, the first one at the back.
    pub(in crate::tui) curves: Vec<Curve>,
    /// How a value is written on the axis.
    pub(in crate::tui) label: fn(f64) -> String,
    /// The times at the left and right ends; drawn when there is room for them.
    pub(in crate::tui) ends: Option<(String, String)>,
    /// Places on the time axis, 0 to 1, where something happened.
    pub(in crate::tui) marks: Vec<f64>,
    /// The colours.
    pub(in crate::tui) theme: &'a Theme,
}

impl Chart<'_> {
    /// Draws axis, curves and times.
    pub(in crate::tui) fn draw(&self, buffer: &mut Buffer, area: Rect) {
        if area.height == 0 || area.width < 8 {
            return;
        }
        let faint = self.theme.style(Role::Axis);
        let all = self
            .curves
            .iter()
            .flat_map(|curve| curve.values.iter().flatten());
        let highest = all
            .copied()
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max);
        let any = self
            .curves
            .iter()
            .any(|curve| curve.values.iter().flatten().count() > 0);
        if !any {
            let text = "no data yet";
            let y = area.y + area.height / 2;
            let x = area.x + area.width.saturating_sub(format::cells(text.len())) / 2;
            put_text(buffer, x, y, area.width, text, faint);
            return;
        }
        let top = nice(highest);
        let label = |value: f64| (self.label)(value);
        let widest = [0.0, top / 2.0, top].map(|value| format::width(&label(value)));
        let gutter = format::cells(widest.into_iter().max().unwrap_or(1))
            .max(4)
            .min(area.width / 2);
        let with_times = area.height >= 5 && self.ends.is_some();
        let height = area.height - u16::from(with_times);
        let plot = Rect::new(area.x + gutter + 1, area.y, area.width - gutter - 1, height);
        for line in 0..height {
            let text = match line {
                0 => label(top),
                line if line + 1 == height => label(0.0),
                line if height >= 7 && height % 2 == 1 && line == height / 2 => label(top / 2.0),
                _ => String::new(),
            };
            let sign = if text.is_empty() { "│" } else { "┤" };
            let x = area.x + gutter.saturating_sub(format::cells(format::width(&text)));
            put_text(buffer, x, area.y + line, gutter, &text, faint);
            put_text(buffer, area.x + gutter, area.y + line, 1, sign, faint);
        }
        for curve in &self.curves {
            plot_curve(buffer, plot, curve, top);
        }
        for mark in &self.marks {
            let x = plot.x
                + format::cells(format::index(
                    mark.clamp(0.0, 1.0) * f64::from(plot.width - 1),
                ));
            put_text(buffer, x, plot.y, 1, "▾", self.theme.style(Role::Marker));
        }
        if let (true, Some((from, to))) = (with_times, &self.ends) {
            let y = area.bottom() - 1;
            put_text(buffer, plot.x, y, plot.width, from, faint);
            let width = format::cells(format::width(to));
            if plot.width > format::cells(format::width(from)) + width + 1 {
                put_text(buffer, plot.right() - width, y, width, to, faint);
            }
        }
    }
}

/// The smallest of 1, 2, 2.5, 5 × 10ⁿ that is not below `value`.
fn nice(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let base = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps
        .into_iter()
        .map(|step| step * base)
        .find(|top| *top >= value * 0.999)
        .unwrap_or(value)
}

/// One value a dot column: the greatest of those that fall into it, `None` when all are gaps.
fn resample(values: &[Option<f64>], columns: usize) -> Vec<Option<f64>> {
    let length = values.len();
    (0..columns)
        .map(|column| {
            let from = column * length / columns;
            let to = ((column + 1) * length).div_ceil(columns).max(from + 1);
            let part = values.iter().take(to).skip(from).flatten().copied();
            part.filter(|value| value.is_finite()).reduce(f64::max)
        })
        .collect()
}

fn plot_curve(buffer: &mut Buffer, plot: Rect, curve: &Curve, top: f64) {
    let (columns, rows) = (usize::from(plot.width) * 2, usize::from(plot.height) * 4);
    if columns == 0 || rows == 0 || curve.values.is_empty() {
        return;
    }
    let levels: Vec<Option<usize>> = resample(&curve.values, columns)
        .into_iter()
        .map(|value| {
            value
                .map(|value| format::index((value / top * (rows - 1) as f64).round()).min(rows - 1))
        })
        .collect();
    let mut dots = vec![0_u8; usize::from(plot.width) * usize::from(plot.height)];
    let mut set = |column: usize, level: usize| {
        let row = rows - 1 - level;
        let place = row / 4 * usize::from(plot.width) + column / 2;
        if let Some(cell) = dots.get_mut(place) {
            *cell |= DOTS[row % 4][column % 2];
        }
    };
    for (column, level) in levels.iter().enumerate() {
        let Some(level) = *level else { continue };
        let before = column
            .checked_sub(1)
            .and_then(|place| levels.get(place).copied().flatten());
        let from = match before {
            _ if curve.filled => 0,
            Some(before) if before < level => before + 1,
            Some(before) if before > level => {
                ((level + 1)..before).for_each(|dot| set(column, dot));
                level
            },
            _ => level,
        };
        // A filled curve at zero has nothing to fill.
        if !(curve.filled && level == 0) {
            (from..=level).for_each(|dot| set(column, dot));
        }
    }
    for (place, bits) in dots.into_iter().enumerate().filter(|(_, bits)| *bits != 0) {
        let x = plot.x + format::cells(place % usize::from(plot.width));
        let y = plot.y + format::cells(place / usize::from(plot.width));
        let Some(cell) = buffer.cell_mut((x, y)) else {
            continue;
        };
        // Where two curves share a cell their dots join and the front one gives the colour.
        let old = cell
            .symbol()
            .chars()
            .next()
            .map_or(0, |symbol| match u32::from(symbol) {
                code @ 0x2800..=0x28ff => u8::try_from(code - 0x2800).unwrap_or(0),
                _ => 0,
            });
        let symbol = char::from_u32(0x2800 + u32::from(old | bits)).unwrap_or(' ');
        cell.set_char(symbol).set_style(curve.style);
    }
}

/// The bits of a braille cell, by row from the top and column.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[Option<f64>], filled: bool, width: u16, height: u16) -> Vec<String> {
        let theme = Theme::of_roles();
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let chart = Chart {
            curves: vec![Curve {
                values: values.to_vec(),
                style: Style::new(),
                filled,
            }],
            label: format::decimal,
            ends: None,
            marks: Vec::new(),
            theme: &theme,
        };
        let area = buffer.area;
        chart.draw(&mut buffer, area);
        (0..height)
            .map(|y| {
                (0..width)
                    .map(|x| buffer[(x, y)].symbol().to_owned())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn areas_fill_and_gaps_stay_empty() {
        let values = [
            Some(4.0),
            Some(4.0),
            None,
            None,
            Some(2.0),
            Some(2.0),
            Some(0.0),
            Some(0.0),
        ];
        assert_eq!(drawn(&values, true, 9, 2), [" 4.0┤⣿ ⣀ ", " 0.0┤⣿ ⣿ "]);
    }

    #[test]
    fn lines_join_their_values() {
        let values = [Some(0.0), Some(4.0), Some(0.0), Some(0.0)];
        assert_eq!(drawn(&values, false, 9, 2), [" 4.0┤ ⡏⡆ ", " 0.0┤⣀⠇⣇⣀"]);
    }

    #[test]
    fn scales_end_at_round_numbers() {
        for (value, top) in [
            (0.0, 1.0),
            (0.9, 1.0),
            (9.4, 10.0),
            (11.0, 15.0),
            (812.0, 1_000.0),
            (1_010.0, 1_500.0),
            (0.31, 0.4),
        ] {
            assert!(
                (nice(value) - top).abs() < top * 0.002,
                "{value}: {}",
                nice(value)
            );
        }
        assert!(nice(f64::NAN) > 0.0);
    }

    #[test]
    fn nothing_known_is_said_in_words() {
        assert!(drawn(&[None, None], true, 30, 3)[1].contains("no data yet"));
    }
}
