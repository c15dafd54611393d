//! The parts screens are put together from: panels, gauges, sparklines, cut text.
//!
//! `list` draws a table, `chart` a chart, `bars` the days. They write into a buffer and know
//! neither the state nor the keys.

pub(super) mod bars;
pub(super) mod chart;
pub(super) mod list;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};

use super::format::{self, fit};
use super::glyph;
use super::theme::{Role, Theme};

/// A framed panel; returns the space inside. `title` stands at the left, `right` at the right.
pub(super) fn panel(
    buffer: &mut Buffer,
    area: Rect,
    theme: &Theme,
    (title, right): (Line<'_>, Line<'_>),
    focus: bool,
) -> Rect {
    let (role, kind) = if focus {
        (Role::BorderFocus, BorderType::Thick)
    } else {
        (Role::Border, BorderType::Plain)
    };
    let block = Block::bordered()
        .border_type(kind)
        .border_style(theme.style(role));
    let inner = block.inner(area);
    block.render(area, buffer);
    if area.height == 0 || area.width < 6 {
        return inner;
    }
    let room = area.width - 4;
    let left_width = put(buffer, area.x + 2, area.y, room, &padded(title));
    let right = padded(right);
    let right_width = format::cells(right.width());
    if right_width > 2 && left_width + right_width < room {
        put(
            buffer,
            area.right() - 2 - right_width,
            area.y,
            right_width,
            &right,
        );
    }
    inner
}

fn padded(line: Line<'_>) -> Line<'_> {
    if line.width() == 0 {
        return line;
    }
    let mut spans = vec![Span::raw(" ")];
    let style = line.style;
    spans.extend(line.spans.into_iter().map(|span| {
        let own = style.patch(span.style);
        Span::styled(span.content, own)
    }));
    spans.push(Span::raw(" "));
    Line::from(spans)
}

/// Writes a line into at most `room` cells, cut with an ellipsis; returns the cells used.
pub(super) fn put(buffer: &mut Buffer, x: u16, y: u16, room: u16, line: &Line<'_>) -> u16 {
    if y >= buffer.area.bottom() || x >= buffer.area.right() {
        return 0;
    }
    let room = room.min(buffer.area.right() - x);
    let cut;
    let line = if line.width() > usize::from(room) {
        let style = line.style;
        let spans = line
            .spans
            .iter()
            .map(|span| Span::styled(span.content.to_string(), style.patch(span.style)));
        cut = fit_spans(spans.collect(), usize::from(room));
        &cut
    } else {
        line
    };
    let (end, _) = buffer.set_line(x, y, line, room);
    end.saturating_sub(x)
}

/// Writes a text in one style.
pub(super) fn put_text(
    buffer: &mut Buffer,
    x: u16,
    y: u16,
    room: u16,
    text: &str,
    style: Style,
) -> u16 {
    put(buffer, x, y, room, &Line::styled(text.to_owned(), style))
}

/// Spans in at most `width` cells.
pub(super) fn fit_spans(spans: Vec<Span<'static>>, width: usize) -> Line<'static> {
    let mut out: Vec<Span<'static>> = Vec::new();
    let mut left = width;
    let whole: usize = spans.iter().map(Span::width).sum();
    if whole <= width {
        return Line::from(spans);
    }
    for span in spans {
        if left == 0 {
            break;
        }
        if span.width() < left {
            left -= span.width();
            out.push(span);
        } else {
            // Something is cut here or right behind: the ellipsis says so.
            let text = if span.width() == left {
                format!("{}…", without_last(&span.content, left))
            } else {
                fit(&span.content, left)
            };
            out.push(Span::styled(text, span.style));
            left = 0;
        }
    }
    Line::from(out)
}

/// `text` shortened so that one more cell fits into `width`.
fn without_last(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for symbol in text.chars() {
        let wide = unicode_width::UnicodeWidthChar::width(symbol).unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        out.push(symbol);
    }
    out
}

/// A bar of `width` cells, filled to `share` (0 to 1).
pub(super) fn gauge(share: f64, width: usize, fill: Style, track: Style) -> Vec<Span<'static>> {
    let eighths = format::index((share.clamp(0.0, 1.0) * width as f64 * 8.0).round());
    let (full, rest) = (eighths / 8, eighths % 8);
    let mut text = "█".repeat(full);
    if rest > 0 {
        text.push_str(glyph::GROWING[rest]);
    }
    let used = full + usize::from(rest > 0);
    vec![
        Span::styled(text, fill),
        Span::styled("░".repeat(width.saturating_sub(used)), track),
    ]
}

/// Counts over time in `width` cells; a stretch with failures has the colour of failure.
pub(super) fn spark(counts: &[u32], errors: &[u32], width: usize, theme: &Theme) -> Line<'static> {
    if counts.is_empty() || width == 0 {
        return Line::default();
    }
    let columns = width.min(counts.len());
    let of = |list: &[u32], column: usize| -> u64 {
        let (from, to) = (
            column * counts.len() / columns,
            (column + 1) * counts.len() / columns,
        );
        list.iter().take(to).skip(from).map(|n| u64::from(*n)).sum()
    };
    let sums: Vec<u64> = (0..columns).map(|column| of(counts, column)).collect();
    let top = sums.iter().copied().max().unwrap_or(0).max(1);
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (column, sum) in sums.iter().enumerate() {
        let failed = of(errors, column);
        let level = usize::try_from((sum * 8).div_ceil(top)).unwrap_or(8).min(8);
        let role = if failed * 2 > *sum && failed > 0 {
            Role::Down
        } else if failed > 0 {
            Role::Warn
        } else {
            Role::Series1
        };
        let style = theme.style(role);
        match spans.last_mut() {
            Some(last) if last.style == style => {
                last.content.to_mut().push_str(glyph::RISING[level]);
            },
            _ => spans.push(Span::styled(glyph::RISING[level].to_owned(), style)),
        }
    }
    Line::from(spans)
}

/// Breaks a text into lines of at most `width` cells, at spaces where it can.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let needed = format::width(word) + usize::from(!line.is_empty());
            if !line.is_empty() && format::width(&line) + needed > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            for symbol in word.chars() {
                let wide = unicode_width::UnicodeWidthChar::width(symbol).unwrap_or(0);
                if format::width(&line) + wide > width {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(symbol);
            }
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &Line<'_>) -> String {
        line.spans
            .iter()
            .map(|span| span.content.as_ref())
            .collect()
    }

    #[test]
    fn gauges_fill_by_eighths() {
        let bar = |share| text(&Line::from(gauge(share, 4, Style::new(), Style::new())));
        assert_eq!(bar(0.0), "░░░░");
        assert_eq!(bar(0.5), "██░░");
        assert_eq!(bar(0.53), "██▏░");
        assert_eq!(bar(1.0), "████");
        assert_eq!(bar(7.0), "████");
        assert_eq!(bar(f64::NAN), "░░░░");
    }

    #[test]
    fn sparks_show_failures_in_their_colour() {
        let theme = Theme::of_roles();
        let line = spark(&[0, 1, 2, 4], &[0, 0, 2, 0], 4, &theme);
        assert_eq!(text(&line), " ▂▄█");
        assert_eq!(line.spans[1].style, theme.style(Role::Down));
        assert_eq!(text(&spark(&[1, 1, 1, 1], &[], 2, &theme)), "██");
        assert_eq!(text(&spark(&[], &[], 2, &theme)), "");
    }

    #[test]
    fn cut_spans_end_in_an_ellipsis() {
        let spans = || vec![Span::raw("abc"), Span::raw("def"), Span::raw("ghi")];
        for (width, expected) in [
            (9, "abcdefghi"),
            (8, "abcdefg…"),
            (6, "abcde…"),
            (3, "ab…"),
            (0, ""),
        ] {
            let line = fit_spans(spans(), width);
            assert_eq!(text(&line), expected, "{width}");
            assert!(line.width() <= width);
        }
    }

    #[test]
    fn long_texts_wrap_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("a\nb", 9), ["a", "b"]);
    }
}
