//! Upright bars, one a day, with the amount on top and the day below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put_text;
use crate::tui::format;
use crate::tui::glyph;
use crate::tui::theme::{Role, Theme};

/// One bar.
pub(in crate::tui) struct Bar {
    /// What stands below.
    pub(in crate::tui) name: String,
    /// Its height.
    pub(in crate::tui) value: f64,
    /// What stands on top.
    pub(in crate::tui) label: String,
    /// Whether it is the present one.
    pub(in crate::tui) now: bool,
}

/// Draws the bars side by side over the whole width.
pub(in crate::tui) fn draw(buffer: &mut Buffer, area: Rect, bars: &[Bar], theme: &Theme) {
    if area.height < 3 || bars.is_empty() {
        return;
    }
    let step = area.width / format::cells(bars.len());
    if step < 3 {
        return;
    }
    let top = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let room = usize::from(area.height - 2);
    let width = (step - 1).min(14);
    for (place, bar) in (0_u16..).zip(bars) {
        let x = area.x + place * step;
        let role = if bar.now { Role::Cost } else { Role::Series1 };
        let eighths = if top > 0.0 {
            format::index((bar.value / top * room as f64 * 8.0).round())
        } else {
            0
        };
        // What is not nothing shows at least a sliver.
        let eighths = if bar.value > 0.0 {
            eighths.max(1)
        } else {
            eighths
        };
        for line in 0..room {
            let level = eighths.saturating_sub(line * 8).min(8);
            if level > 0 {
                let y = area.bottom() - 2 - format::cells(line);
                let text = glyph::RISING[level].repeat(usize::from(width));
                put_text(buffer, x, y, width, &text, theme.style(role));
            }
        }
        let full = format::cells(eighths.div_ceil(8));
        let label_y = area.bottom().saturating_sub(2 + full);
        centre(
            buffer,
            (x, label_y),
            width,
            &bar.label,
            theme,
            if bar.now { Role::Heading } else { Role::Muted },
        );
        centre(
            buffer,
            (x, area.bottom() - 1),
            width,
            &bar.name,
            theme,
            if bar.now { Role::Heading } else { Role::Faint },
        );
    }
}

fn centre(
    buffer: &mut Buffer,
    (x, y): (u16, u16),
    width: u16,
    text: &str,
    theme: &Theme,
    role: Role,
) {
    let text = format::fit(text, usize::from(width));
    let used = format::cells(format::width(&text));
    put_text(
        buffer,
        x + (width - used) / 2,
        y,
        used,
        &text,
        theme.style(role),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_to_scale_with_their_amount_on_top() {
        let theme = Theme::of_roles();
        let mut buffer = Buffer::empty(Rect::new(0, 0, 15, 5));
        let bar = |name: &str, value: f64, now| Bar {
            name: name.to_owned(),
            value,
            label: format!("{value}"),
            now,
        };
        let area = buffer.area;
        draw(
            &mut buffer,
            area,
            &[
                bar("Mo", 4.0, false),
                bar("Tu", 2.0, false),
                bar("We", 0.0, true),
            ],
            &theme,
        );
        let lines: Vec<String> = (0..5)
            .map(|y| {
                (0..15)
                    .map(|x| buffer[(x, y)].symbol().to_owned())
                    .collect()
            })
            .collect();
        assert_eq!(
            lines,
            [
                " 4             ",
                "████  2        ",
                "████ ▄▄▄▄      ",
                "████ ████  0   ",
                " Mo   Tu   We  "
            ]
        );
    }
}
