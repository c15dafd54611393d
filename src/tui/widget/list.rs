//! A table with a header, a cursor and a scroll: which columns fit, and the rows in sight.
//!
//! Columns that do not fit are left out whole, the least important first; nothing is cut in the
//! middle of a number. Only rows in sight are made.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{put, put_text};
use crate::tui::format;
use crate::tui::table::{Column, Context, RowRef};
use crate::tui::theme::Role;

/// Cells before the first column: the cursor.
const CURSOR: u16 = 2;

/// What a list draws.
pub(in crate::tui) struct List<'a> {
    /// The columns it may show.
    pub(in crate::tui) columns: &'static [Column],
    /// The rows, filtered and sorted.
    pub(in crate::tui) rows: &'a [RowRef<'a>],
    /// The place of the selected row among them.
    pub(in crate::tui) selected: Option<usize>,
    /// The column it is sorted by, and whether in reverse.
    pub(in crate::tui) sort: Option<(&'static str, bool)>,
    /// The first row in sight the last time.
    pub(in crate::tui) offset: usize,
    /// What cells are made with.
    pub(in crate::tui) context: Context<'a>,
}

/// Where things came to stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::tui) struct Shown {
    /// The first row in sight.
    pub(in crate::tui) offset: usize,
    /// How many rows are in sight.
    pub(in crate::tui) height: u16,
    /// The header cells.
    pub(in crate::tui) headers: Vec<(Rect, &'static str)>,
    /// The rows: where, and which.
    pub(in crate::tui) rows: Vec<(Rect, String)>,
}

impl List<'_> {
    /// Draws the header and the rows in sight.
    pub(in crate::tui) fn draw(&self, buffer: &mut Buffer, area: Rect) -> Shown {
        let mut shown = Shown::default();
        if area.height == 0 || area.width <= CURSOR {
            return shown;
        }
        let columns = layout(self.columns, area.width - CURSOR);
        shown.headers = self.header(buffer, area, &columns);
        shown.height = area.height - 1;
        shown.offset = scroll(
            self.offset,
            self.selected,
            self.rows.len(),
            usize::from(shown.height),
        );
        let theme = self.context.theme;
        let in_sight = self.rows.iter().enumerate().skip(shown.offset);
        for (line, (place, row)) in (0..shown.height).zip(in_sight) {
            let y = area.y + 1 + line;
            let strip = Rect::new(area.x, y, area.width, 1);
            if self.selected == Some(place) {
                buffer.set_style(strip, theme.style(Role::Selection));
                put_text(buffer, area.x, y, 1, "▸", theme.style(Role::Accent));
            }
            let mut x = area.x + CURSOR;
            for (column, width) in &columns {
                let cell = row.cell(column.id, *width, self.context);
                let used = format::cells(cell.width()).min(*width);
                let start = if column.right { x + width - used } else { x };
                put(buffer, start, y, used, &cell);
                x += width + 1;
            }
            shown.rows.push((strip, row.key()));
        }
        self.scrollbar(buffer, area, &shown);
        shown
    }

    fn header(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        columns: &[(&'static Column, u16)],
    ) -> Vec<(Rect, &'static str)> {
        let theme = self.context.theme;
        let mut places = Vec::new();
        let mut x = area.x + CURSOR;
        for (column, width) in columns {
            let arrow = match self.sort {
                Some((id, reverse)) if id == column.id => {
                    if reverse {
                        "▾"
                    } else {
                        "▴"
                    }
                },
                _ => "",
            };
            let sorted = !arrow.is_empty();
            let role = if sorted { Role::Accent } else { Role::Muted };
            let title = if sorted && column.title.chars().count() >= usize::from(*width) {
                column.title.chars().take(usize::from(*width) - 1).collect()
            } else {
                column.title.to_owned()
            };
            let text = Line::from(vec![
                Span::styled(title, theme.style(role)),
                Span::styled(arrow, theme.style(role)),
            ]);
            let used = format::cells(text.width()).min(*width);
            let start = if column.right { x + width - used } else { x };
            put(buffer, start, area.y, used, &text);
            places.push((Rect::new(x, area.y, *width, 1), column.id));
            x += width + 1;
        }
        places
    }

    /// A thumb on the right edge when there is more than fits.
    fn scrollbar(&self, buffer: &mut Buffer, area: Rect, shown: &Shown) {
        let (all, height) = (self.rows.len(), usize::from(shown.height));
        if all <= height || height < 3 {
            return;
        }
        let thumb = (height * height / all).max(1);
        let start = shown.offset * (height - thumb) / (all - height).max(1);
        let style = self.context.theme.style(Role::Border);
        for line in start..start + thumb {
            let y = area.y + 1 + format::cells(line);
            put_text(buffer, area.right() - 1, y, 1, "▮", style);
        }
    }
}

/// The rank from which on a column must wait until those before it are as wide as they should be.
const MINOR: u8 = 6;

/// The columns that fit in `width`, each with its width. One cell is kept for the scroll thumb.
fn layout(columns: &'static [Column], width: u16) -> Vec<(&'static Column, u16)> {
    let width = width.saturating_sub(1);
    let mut order: Vec<&Column> = columns.iter().collect();
    order.sort_by_key(|column| column.rank);
    let mut chosen: Vec<(&Column, u16)> = Vec::new();
    let mut spare = width;
    let mut widened = false;
    for column in order {
        if column.rank >= MINOR && !widened {
            widened = true;
            spare = widen(&mut chosen, spare, |column| column.good);
        }
        let needed = column.min + u16::from(!chosen.is_empty());
        if needed <= spare {
            spare -= needed;
            chosen.push((column, column.min));
        } else if chosen.is_empty() {
            return vec![(column_of(columns, column.id), width)];
        } else {
            // A less important column must not slip in where a more important one had no room.
            break;
        }
    }
    widen(&mut chosen, spare, |column| column.max);
    chosen.sort_by_key(|(column, _)| columns.iter().position(|one| one.id == column.id));
    chosen
}

/// Gives the columns more room, evenly, up to a limit each; returns what is left.
fn widen(columns: &mut [(&Column, u16)], mut spare: u16, limit: fn(&Column) -> u16) -> u16 {
    loop {
        let mut grown = false;
        for (column, width) in columns.iter_mut() {
            if *width < limit(column) && spare > 0 {
                *width += 1;
                spare -= 1;
                grown = true;
            }
        }
        if !grown {
            return spare;
        }
    }
}

fn column_of(columns: &'static [Column], id: &str) -> &'static Column {
    columns
        .iter()
        .find(|column| column.id == id)
        .unwrap_or(&columns[0])
}

/// The first row in sight, moved only as far as the selection needs.
fn scroll(offset: usize, selected: Option<usize>, all: usize, height: usize) -> usize {
    let last = all.saturating_sub(height);
    let mut offset = offset.min(last);
    if let Some(selected) = selected {
        if selected < offset {
            offset = selected;
        } else if height > 0 && selected >= offset + height {
            offset = selected + 1 - height;
        }
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::table::TableId;

    #[test]
    fn columns_fill_the_width_and_never_more() {
        for table in TableId::ALL {
            for width in 3..220 {
                let columns = layout(table.columns(), width);
                let gaps = format::cells(columns.len() - 1);
                let used: u16 = columns.iter().map(|(_, width)| width).sum::<u16>() + gaps;
                assert!(used < width, "{table:?} at {width}: {used}");
            }
        }
    }

    #[test]
    fn the_scroll_moves_no_more_than_it_must() {
        let cases = [
            // offset, selected, all, height → offset
            (0, Some(0), 10, 5, 0),
            (0, Some(5), 10, 5, 1),
            (3, Some(4), 10, 5, 3),
            (8, Some(9), 10, 5, 5),
            (5, None, 3, 5, 0),
            (2, Some(1), 10, 0, 1),
        ];
        for (offset, selected, all, height, expected) in cases {
            assert_eq!(scroll(offset, selected, all, height), expected);
        }
    }
}
