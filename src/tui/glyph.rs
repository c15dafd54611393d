//! The signs of the screen, and what stands for them on a terminal without UTF-8.
//!
//! Views draw with the full set; [`to_ascii`] turns a finished buffer into plain ASCII, cell for cell.
//! So no view needs to know which kind of terminal it is drawn on.

use ratatui::buffer::Buffer;

use crate::control::BackendState;

/// Which characters the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Glyphs {
    /// Box drawing, blocks and braille.
    #[default]
    Unicode,
    /// ASCII only.
    Ascii,
}

/// Eighths of a cell from the bottom up, empty first.
pub(crate) const RISING: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Eighths of a cell from the left, empty first.
pub(crate) const GROWING: [&str; 9] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

/// The sign of a backend's state; no two are alike, in ASCII neither.
pub(crate) const fn state(state: BackendState) -> &'static str {
    match state {
        BackendState::Up => "●",
        BackendState::Probing => "◐",
        BackendState::Cooling => "◌",
        BackendState::Down => "✗",
        BackendState::Draining => "◍",
        BackendState::Off => "○",
    }
}

/// Turns every cell of a drawn buffer into ASCII.
pub(crate) fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let plain = cell.symbol().chars().next().map_or(' ', plain);
            cell.set_char(plain);
        }
    }
}

/// The ASCII stand-in of one character.
const fn plain(symbol: char) -> char {
    match symbol {
        '●' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╰' | '╯' => {
            '+'
        },
        '┏' | '┓' | '┗' | '┛' => '#',
        '◐' | '…' => '~',
        '◌' => 'c',
        '✗' | '▲' => '!',
        '◍' => 'd',
        '○' | '─' | '–' | '—' | '╌' => '-',
        '━' => '=',
        '│' | '┃' | '▏' | '╎' => '|',
        '▸' | '→' | '›' => '>',
        '←' | '◂' | '‹' => '<',
        '▾' | '↓' => 'v',
        '▴' | '↑' => '^',
        '·' | '░' => '.',
        '•' | '✓' => '*',
        '×' => 'x',
        '▁' | '▂' => '_',
        '▃' | '▄' | '▎' => '-',
        '▅' | '▆' | '▍' | '▌' => '=',
        '▇' | '█' | '▓' | '▋' | '▊' | '▉' | '▮' => '#',
        '▒' => ':',
        '⏎' => 'E',
        '\u{2800}'..='\u{28ff}' => braille(symbol),
        _ => '?',
    }
}

/// A sign as heavy as the dots of a braille cell, and as high.
const fn braille(symbol: char) -> char {
    let bits = symbol as u32 - 0x2800;
    // Rows from the top: dots 1+4, 2+5, 3+6, 7+8.
    let rows = [0x09, 0x12, 0x24, 0xc0];
    let top = bits & (rows[0] | rows[1]) != 0;
    let bottom = bits & (rows[2] | rows[3]) != 0;
    match (bits.count_ones(), top, bottom) {
        (0, ..) => ' ',
        (1..=2, true, false) => '\'',
        (1..=2, false, true) => '.',
        (1..=2, ..) => ':',
        (3..=4, true, false) => '"',
        (3..=4, ..) => ':',
        (5..=6, ..) => 'i',
        _ => '#',
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn states_differ_in_both_sets() {
        let all = [
            BackendState::Up,
            BackendState::Probing,
            BackendState::Cooling,
            BackendState::Down,
            BackendState::Draining,
            BackendState::Off,
        ];
        let signs: HashSet<_> = all.iter().map(|one| state(*one)).collect();
        assert_eq!(signs.len(), all.len());
        let ascii: String = all
            .iter()
            .filter_map(|one| state(*one).chars().next())
            .map(plain)
            .collect();
        assert_eq!(ascii, "+~c!d-");
    }

    #[test]
    fn a_buffer_becomes_ascii_cell_for_cell() {
        let mut buffer = Buffer::with_lines(["┌─●→…日本⣿⠁⣀ ok"]);
        let width = buffer.area.width;
        to_ascii(&mut buffer);
        assert_eq!(buffer.area.width, width);
        let text: String = buffer
            .content
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert_eq!(text, "+-+>~? ? #'. ok");
    }
}
