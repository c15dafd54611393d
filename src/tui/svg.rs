//! A drawn screen as an SVG picture: for the README, from the program's own state.
//!
//! Blocks, braille and box lines become shapes, so the picture looks the same whatever font the
//! viewer has; everything else is text on a fixed grid. The same buffer gives the same bytes.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::theme::{Role, Theme, hex};

/// A cell's width and height, in pixels.
const CELL: (f64, f64) = (9.0, 18.0);

/// The space around the screen.
const MARGIN: f64 = 14.0;

/// Turns a drawn buffer into a picture with the theme's background around it.
pub(crate) fn svg(buffer: &Buffer, theme: &Theme) -> String {
    let (ground, ink) = if theme.light {
        ("#fbfaf7", "#22272e")
    } else {
        ("#14171c", "#d7dce2")
    };
    let background = theme
        .style(Role::Background)
        .bg
        .map_or_else(|| ground.to_owned(), |color| hex(color, ground));
    let (columns, rows) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (width, height) = (
        columns * CELL.0 + 2.0 * MARGIN,
        rows * CELL.1 + 2.0 * MARGIN,
    );
    let mut out = String::new();
    let picture = Picture {
        background: &background,
        ink,
    };
    line(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.1} {height:.1}\">"
        ),
    );
    line(
        &mut out,
        format_args!(
            "<style>rect,path{{shape-rendering:crispEdges}}text{{font:15px ui-monospace,'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre}}</style>"
        ),
    );
    line(
        &mut out,
        format_args!("<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{background}\"/>"),
    );
    line(
        &mut out,
        format_args!("<title>pointsman, {}</title>", theme.name),
    );
    line(
        &mut out,
        format_args!("<title>pointsman, {}</title>", theme.name),
    );
    line(
        &mut out,
        format_args!("<g transform=\"translate({MARGIN} {MARGIN})\">"),
    );
    for y in 0..buffer.area.height {
        picture.row(&mut out, buffer, y);
    }
    line(&mut out, format_args!("</g>\n</svg>"));
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a string takes everything");
}

struct Picture<'a> {
    background: &'a str,
    ink: &'a str,
}

impl Picture<'_> {
    /// Foreground and background of a cell.
    fn colours(&self, cell: &Cell) -> (String, String) {
        let back = if cell.bg == Color::Reset {
            self.background.to_owned()
        } else {
            hex(cell.bg, self.background)
        };
        let front = hex(cell.fg, self.ink);
        if cell.modifier.contains(Modifier::REVERSED) {
            (back, front)
        } else {
            (front, back)
        }
    }

    fn row(&self, out: &mut String, buffer: &Buffer, y: u16) {
        let cells: Vec<&Cell> = (0..buffer.area.width)
            .filter_map(|x| buffer.cell((x, y)))
            .collect();
        let top = f64::from(y) * CELL.1;
        // Backgrounds first, one rectangle a run.
        let mut start = 0;
        while start < cells.len() {
            let (_, back) = self.colours(cells[start]);
            let run = cells[start..]
                .iter()
                .take_while(|cell| self.colours(cell).1 == back)
                .count();
            if back != self.background {
                line(
                    out,
                    format_args!(
                        "<rect x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{back}\"/>",
                        start as f64 * CELL.0,
                        run as f64 * CELL.0,
                        CELL.1
                    ),
                );
            }
            start += run;
        }
        let mut start = 0;
        while start < cells.len() {
            let cell = cells[start];
            let symbol = cell.symbol().chars().next().unwrap_or(' ');
            let x = start as f64 * CELL.0;
            if cell.symbol().trim().is_empty() {
                start += 1;
            } else if let Some(shape) = shape(symbol, x, top, &self.colours(cell).0) {
                out.push_str(&shape);
                start += 1;
            } else {
                start += self.text(out, &cells[start..], x, top);
            }
        }
    }

    /// One run of text in one style; returns the cells it took.
    fn text(&self, out: &mut String, cells: &[&Cell], x: f64, top: f64) -> usize {
        let (front, _) = self.colours(cells[0]);
        let modifier = cells[0].modifier;
        let mut text = String::new();
        let mut run = 0;
        for cell in cells {
            let symbol = cell.symbol().chars().next().unwrap_or(' ');
            let same = self.colours(cell).0 == front && cell.modifier == modifier;
            // Two blanks end a run: positions stay on the grid whatever the font's width.
            let gap = symbol == ' ' && text.ends_with(' ');
            if !same || gap || shape(symbol, 0.0, 0.0, "").is_some() {
                break;
            }
            text.push_str(cell.symbol());
            run += 1;
        }
        let run = run.max(1);
        let shown = text.trim_end();
        let width = shown.chars().count() as f64 * CELL.0;
        let mut style = String::new();
        if modifier.contains(Modifier::BOLD) {
            style.push_str("font-weight:bold;");
        }
        if modifier.contains(Modifier::ITALIC) {
            style.push_str("font-style:italic;");
        }
        if modifier.contains(Modifier::UNDERLINED) {
            style.push_str("text-decoration:underline;");
        }
        if modifier.contains(Modifier::DIM) {
            style.push_str("opacity:0.6;");
        }
        if !style.is_empty() {
            style = format!(" style=\"{style}\"");
        }
        line(
            out,
            format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{front}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\"{style}>{}</text>",
                top + 13.5,
                escape(shown)
            ),
        );
        run
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Blocks, shades, braille and box lines as shapes; `None` for everything else.
fn shape(symbol: char, x: f64, y: f64, color: &str) -> Option<String> {
    let rect = |left: f64, top: f64, width: f64, height: f64, opacity: &str| {
        format!(
            "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{color}\"{opacity}/>\n",
            x + left,
            y + top
        )
    };
    let (width, height) = CELL;
    let code = u32::from(symbol);
    match symbol {
        '▁'..='█' => {
            let part = f64::from(code - 0x2580) / 8.0 * height;
            Some(rect(0.0, height - part, width, part, ""))
        },
        '▉'..='▏' => Some(rect(
            0.0,
            0.0,
            width * f64::from(0x2590 - code) / 8.0,
            height,
            "",
        )),
        '░' => Some(rect(0.0, 3.0, width, height - 6.0, " opacity=\"0.35\"")),
        '▮' => Some(rect(width / 2.0 - 1.0, 0.0, 3.0, height, "")),
        '\u{2801}'..='\u{28ff}' => Some(braille(code - 0x2800, (x, y), color)),
        _ => {
            let (kind, thick) = box_lines(symbol)?;
            let thick = if thick { 2.0 } else { 1.0 };
            let (cx, cy) = (width / 2.0 - thick / 2.0, height / 2.0 - thick / 2.0);
            let mut out = String::new();
            if kind & UP != 0 {
                out.push_str(&rect(cx, 0.0, thick, height / 2.0 + thick / 2.0, ""));
            }
            if kind & DOWN != 0 {
                out.push_str(&rect(cx, cy, thick, height - cy, ""));
            }
            if kind & LEFT != 0 {
                out.push_str(&rect(0.0, cy, width / 2.0 + thick / 2.0, thick, ""));
            }
            if kind & RIGHT != 0 {
                out.push_str(&rect(cx, cy, width - cx, thick, ""));
            }
            Some(out)
        },
    }
}

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// Which arms a box character has, and whether they are thick.
const fn box_lines(symbol: char) -> Option<(u8, bool)> {
    Some(match symbol {
        '─' => (LEFT | RIGHT, false),
        '│' => (UP | DOWN, false),
        '┌' => (DOWN | RIGHT, false),
        '┐' => (DOWN | LEFT, false),
        '└' => (UP | RIGHT, false),
        '┘' => (UP | LEFT, false),
        '┤' => (UP | DOWN | LEFT, false),
        '━' => (LEFT | RIGHT, true),
        '┃' => (UP | DOWN, true),
        '┏' => (DOWN | RIGHT, true),
        '┓' => (DOWN | LEFT, true),
        '┗' => (UP | RIGHT, true),
        '┛' => (UP | LEFT, true),
        _ => return None,
    })
}

fn braille(bits: u32, (x, y): (f64, f64), color: &str) -> String {
    // The eight dots by bit: column and row.
    const PLACES: [(f64, f64); 8] = [
        (0.0, 0.0),
        (0.0, 1.0),
        (0.0, 2.0),
        (1.0, 0.0),
        (1.0, 1.0),
        (1.0, 2.0),
        (0.0, 3.0),
        (1.0, 3.0),
    ];
    let (width, height) = (CELL.0 / 2.0, CELL.1 / 4.0);
    let mut path = String::new();
    for (bit, (column, row)) in PLACES.iter().enumerate() {
        if bits & (1 << bit) != 0 {
            let (left, top) = (x + column * width + 0.5, y + row * height + 0.6);
            write!(
                path,
                "M{left:.1} {top:.1}h{:.1}v{:.1}h-{:.1}z",
                width - 1.0,
                height - 1.2,
                width - 1.0
            )
            .expect("a string takes everything");
        }
    }
    format!("<path d=\"{path}\" fill=\"{color}\"/>\n")
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;
    use crate::tui::theme::{Depth, load};

    #[test]
    fn text_is_escaped_and_shapes_are_shapes() {
        let theme = load("dark", None, Depth::True).theme;
        let mut buffer = Buffer::with_lines(["a<b  █─⣿"]);
        buffer.set_style(buffer.area, Style::new().fg(Color::Rgb(1, 2, 3)));
        let picture = svg(&buffer, &theme);
        assert!(picture.starts_with("<svg "), "{picture}");
        assert!(picture.contains(">a&lt;b</text>"), "{picture}");
        assert!(picture.contains("#010203") && picture.contains("#14171c"));
        assert!(!picture.contains('█') && !picture.contains('─') && !picture.contains('⣿'));
        assert_eq!(picture, svg(&buffer, &theme));
    }
}
