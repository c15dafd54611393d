//! The lists of the dashboard as data: which rows there are, what each column says of a row, how a
//! cell looks, by what a row is known.
//!
//! One file a list. Sorting, filtering, drawing and jumping all read rows through here, so a column
//! is written once. It knows snapshots and roles, not where on the screen anything is.

mod backends;
mod events;
mod figures;
mod models;
mod requests;
mod spend;

pub(crate) use backends::{model_state, recovery};
pub(crate) use events::{detail as event_detail, kind_role, subject as event_subject};
pub(crate) use requests::status_text;
pub(crate) use spend::{By, TOTAL, name as spend_name};

use std::borrow::Cow;
use std::cmp::Ordering;

use ratatui::text::Line;

use super::theme::Theme;
use crate::base::Wall;
use crate::control::{Backend, Event, InFlight, Model, RequestRow, Snapshot, SpendRow};

/// The lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TableId {
    /// Backends, on Overview and Backends.
    Backends,
    /// Model groups.
    Models,
    /// Requests in flight and ended.
    Requests,
    /// Events.
    Events,
    /// Spend by something.
    Spend,
}

impl TableId {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 5] = [
        Self::Backends,
        Self::Models,
        Self::Requests,
        Self::Events,
        Self::Spend,
    ];

    /// The columns, in their order on screen.
    pub(crate) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Backends => backends::COLUMNS,
            Self::Models => models::COLUMNS,
            Self::Requests => requests::COLUMNS,
            Self::Events => events::COLUMNS,
            Self::Spend => spend::COLUMNS,
        }
    }

    /// What a filter may name besides the columns.
    pub(crate) const fn more_fields(self) -> &'static [&'static str] {
        match self {
            Self::Backends => backends::MORE,
            Self::Models => models::MORE,
            Self::Requests => requests::MORE,
            Self::Events => events::MORE,
            Self::Spend => &[],
        }
    }

    /// The column of this name.
    pub(crate) fn column(self, id: &str) -> Option<&'static Column> {
        self.columns().iter().find(|column| column.id == id)
    }

    /// Every name a filter may use.
    pub(crate) fn fields(self) -> impl Iterator<Item = &'static str> {
        let columns = self.columns().iter().map(|column| column.id);
        columns.chain(self.more_fields().iter().copied())
    }
}

/// One column.
#[derive(Debug)]
pub(crate) struct Column {
    /// Its name in filters and in the code.
    pub(crate) id: &'static str,
    /// Its header.
    pub(crate) title: &'static str,
    /// The letter after `s` that sorts by it.
    pub(crate) letter: char,
    /// The narrowest it can be, in cells.
    pub(crate) min: u16,
    /// As wide as it should be before less important columns get any room.
    pub(crate) good: u16,
    /// The widest it should be.
    pub(crate) max: u16,
    /// Whether it stands at the right edge of its cells: numbers.
    pub(crate) right: bool,
    /// Whether sorting by it begins with the largest.
    pub(crate) falling: bool,
    /// Which columns go first when there is no room: the highest rank.
    pub(crate) rank: u8,
}

impl Column {
    /// A column of texts.
    const fn text(
        id: &'static str,
        title: &'static str,
        letter: char,
        [min, good, max]: [u16; 3],
        rank: u8,
    ) -> Self {
        Self {
            id,
            title,
            letter,
            min,
            good,
            max,
            right: false,
            falling: false,
            rank,
        }
    }

    /// The same for what is a quantity although it is drawn as something else.
    const fn falling(self) -> Self {
        Self {
            falling: true,
            ..self
        }
    }

    /// A column of numbers.
    const fn number(
        id: &'static str,
        title: &'static str,
        letter: char,
        width: u16,
        rank: u8,
    ) -> Self {
        Self {
            id,
            title,
            letter,
            min: width,
            good: width,
            max: width,
            right: true,
            falling: true,
            rank,
        }
    }
}

/// One row, whatever list it is of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowRef<'a> {
    /// A backend.
    Backend(&'a Backend),
    /// A model group.
    Model(&'a Model),
    /// A request being served.
    Flight(&'a InFlight),
    /// A request that ended.
    Request(&'a RequestRow),
    /// An event.
    Event(&'a Event),
    /// A line of spend.
    Spend(&'a SpendRow),
    /// The sum of all spend.
    Total(&'a SpendRow),
}

/// What a field of a row holds, for sorting and filtering.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    /// Words.
    Text(Cow<'a, str>),
    /// A number: durations in milliseconds, money in dollars, shares in percent.
    Number(f64),
    /// Nothing is known; it sorts last and matches no comparison.
    Missing,
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(crate) fn optional(number: Option<f64>) -> Self {
        number.map_or(Self::Missing, Self::Number)
    }

    /// The order of two values; what is missing comes last whichever way one sorts.
    pub(crate) fn order(&self, other: &Self, reverse: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Missing, Self::Missing) => return Ordering::Equal,
            (Self::Missing, _) => return Ordering::Greater,
            (_, Self::Missing) => return Ordering::Less,
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        };
        if reverse { order.reverse() } else { order }
    }
}

/// What cells are made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The state shown.
    pub(crate) snapshot: &'a Snapshot,
    /// Milliseconds since it was taken.
    pub(crate) elapsed_ms: u64,
    /// The colours.
    pub(crate) theme: &'a Theme,
}

impl Context<'_> {
    /// The wall clock's time now, as the snapshot's clock has it.
    pub(crate) fn now(&self) -> Wall {
        let passed = i64::try_from(self.elapsed_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000);
        Wall::from_micros(self.snapshot.taken_at.as_micros().saturating_add(passed))
    }

    /// The zone's offset in seconds.
    pub(crate) const fn zone(&self) -> i32 {
        self.snapshot.gateway.zone_offset_s
    }
}

/// All rows of a list, in the order the gateway gives them.
pub(crate) fn rows(snapshot: &Snapshot, table: TableId, by: By) -> Vec<RowRef<'_>> {
    match table {
        TableId::Backends => snapshot.backends.iter().map(RowRef::Backend).collect(),
        TableId::Models => snapshot.models.iter().map(RowRef::Model).collect(),
        TableId::Requests => {
            let flights = snapshot.in_flight.iter().rev().map(RowRef::Flight);
            let ended = snapshot.recent.iter().map(|row| RowRef::Request(row));
            flights.chain(ended).collect()
        },
        TableId::Events => snapshot
            .events
            .iter()
            .map(|event| RowRef::Event(event))
            .collect(),
        TableId::Spend => snapshot
            .spend
            .iter()
            .flat_map(|spend| by.with_total(spend))
            .collect(),
    }
}

impl RowRef<'_> {
    /// What the row is known by while the list changes around it.
    pub(crate) fn key(self) -> String {
        match self {
            Self::Backend(backend) => backend.id.clone(),
            Self::Model(model) => model.name.clone(),
            Self::Flight(flight) => format!("~{}", flight.call_id),
            Self::Request(row) => row.seq.to_string(),
            Self::Event(event) => event.seq.to_string(),
            // What is spent on has any name, even none; the total is not one of them.
            Self::Spend(row) => format!("={}", row.name),
            Self::Total(_) => "total".to_owned(),
        }
    }

    /// What a field holds; `None` when the list has no such field.
    pub(crate) fn value<'a>(&'a self, field: &str, context: Context<'a>) -> Option<Value<'a>> {
        match self {
            Self::Backend(backend) => backends::value(backend, field, context),
            Self::Model(model) => models::value(model, field, context),
            Self::Flight(flight) => requests::flight_value(flight, field, context),
            Self::Request(row) => requests::value(row, field, context),
            Self::Event(event) => events::value(event, field, context),
            Self::Total(_) if field == "name" => Some(Value::text(TOTAL)),
            Self::Spend(row) | Self::Total(row) => spend::value(row, field),
        }
    }

    /// A cell, at most `width` cells wide.
    pub(crate) fn cell(self, column: &str, width: u16, context: Context<'_>) -> Line<'static> {
        let width = usize::from(width);
        match self {
            Self::Backend(backend) => backends::cell(backend, column, width, context),
            Self::Model(model) => models::cell(model, column, width, context),
            Self::Flight(flight) => requests::flight_cell(flight, column, width, context),
            Self::Request(row) => requests::cell(row, column, width, context),
            Self::Event(event) => events::cell(event, column, width, context),
            Self::Total(_) if column == "name" => spend::total_name(context),
            Self::Spend(row) | Self::Total(row) => spend::cell(row, column, width, context),
        }
    }

    /// Everything a plain word of a filter is looked for in, in lower case.
    pub(crate) fn haystack(&self, table: TableId, context: Context<'_>) -> String {
        let mut all = String::new();
        for field in table.fields() {
            if let Some(Value::Text(text)) = self.value(field, context) {
                all.push_str(&text);
                all.push('\n');
            }
        }
        all.to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    #[test]
    fn every_column_has_a_letter_of_its_own() {
        for table in TableId::ALL {
            let mut letters: Vec<char> = Vec::new();
            for column in table.columns() {
                let name = format!("{table:?} {}", column.id);
                assert!(
                    column.min <= column.good && column.good <= column.max,
                    "{name}"
                );
                assert!(
                    column.title.chars().count() <= usize::from(column.min),
                    "{name}"
                );
                assert!(
                    !letters.contains(&column.letter),
                    "{name} shares its letter"
                );
                letters.push(column.letter);
            }
        }
    }

    #[test]
    fn every_field_has_a_value_and_every_cell_fits() {
        let snapshot = fixture::busy();
        let theme = Theme::of_roles();
        let context = Context {
            snapshot: &snapshot,
            elapsed_ms: 0,
            theme: &theme,
        };
        let all = TableId::ALL.into_iter().flat_map(|table| {
            rows(&snapshot, table, By::Model)
                .into_iter()
                .map(move |row| (table, row))
        });
        for (table, row) in all {
            for field in table.fields() {
                assert!(row.value(field, context).is_some(), "{table:?} {field}");
            }
            for column in table.columns() {
                for width in [column.min, column.max] {
                    let line = row.cell(column.id, width, context);
                    let fits = line.width() <= usize::from(width);
                    assert!(fits, "{table:?} {}: {line}", column.id);
                }
            }
        }
    }

    #[test]
    fn rows_are_known_apart() {
        let snapshot = fixture::busy();
        let by_key = TableId::ALL.map(|table| (table, By::Key));
        for (table, by) in by_key.into_iter().chain([(TableId::Spend, By::Model)]) {
            let mut keys: Vec<String> = rows(&snapshot, table, by)
                .into_iter()
                .map(RowRef::key)
                .collect();
            let all = keys.len();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), all, "{table:?}");
        }
    }

    #[test]
    fn what_is_missing_sorts_last_either_way() {
        let (one, none) = (Value::Number(1.0), Value::Missing);
        for reverse in [false, true] {
            assert_eq!(one.order(&none, reverse), Ordering::Less);
        }
        assert_eq!(one.order(&Value::Number(2.0), true), Ordering::Greater);
    }
}
