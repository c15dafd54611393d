//! Puts rows into one table, many a statement: to start and end a statement costs as much as a row.
//!
//! It knows no table and no record: `rows` brings the statements and the values. A row waits for
//! company until [`Bulk::finish`] at the latest.

use rusqlite::types::Null;
use rusqlite::{CachedStatement, Connection, Statement};

/// A statement, and how many rows it puts in.
pub(super) type Insert = (usize, &'static str);

/// Twice the placeholders of a row, or of several.
macro_rules! twice {
    ($rows:expr) => {
        concat!($rows, ",", $rows)
    };
}

/// One table's statements: `inserts!("INSERT INTO pairs VALUES ", "(?,?)")`. Longer ones would save
/// little, and each has to be bound whole once in a transaction.
macro_rules! inserts {
    ($head:literal, $row:literal) => {
        [
            (8, concat!($head, twice!(twice!(twice!($row))))),
            (2, concat!($head, twice!($row))),
            (1, concat!($head, $row)),
        ]
    };
}
pub(super) use {inserts, twice};

/// One value of a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'row> {
    Null,
    Number(i64),
    /// The call id of nearly every request.
    Bytes([u8; 16]),
    Text(&'row str),
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }
}

/// A statement, and what is bound to it.
struct Sheet<'conn> {
    statement: CachedStatement<'conn>,
    /// To bind a value is dearer than to see that it is bound already, as most of a row's are.
    bound: Vec<Bound>,
}

/// What is known to be bound to a parameter.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Null,
    Number(i64),
    /// A text or bytes, which seldom repeat.
    Other,
}

impl<'conn> Sheet<'conn> {
    fn prepare(conn: &'conn Connection, sql: &str) -> rusqlite::Result<Self> {
        // A statement comes out of the cache with every parameter NULL.
        let statement = conn.prepare_cached(sql)?;
        let bound = vec![Bound::Null; statement.parameter_count()];
        Ok(Self { statement, bound })
    }

    /// Puts in `cells`, which are one for each parameter.
    fn insert(&mut self, cells: &[Cell<'_>]) -> rusqlite::Result<()> {
        for (place, (bound, cell)) in self.bound.iter_mut().zip(cells).enumerate() {
            let known = match (&*bound, cell) {
                (Bound::Number(old), Cell::Number(new)) => old == new,
                (Bound::Null, Cell::Null) => true,
                _ => false,
            };
            if !known {
                *bound = bind(&mut self.statement, place + 1, cell)?;
            }
        }
        self.statement.raw_execute()?;
        Ok(())
    }
}

/// Binds a value, and tells what is bound then.
fn bind(statement: &mut Statement<'_>, place: usize, cell: &Cell<'_>) -> rusqlite::Result<Bound> {
    Ok(match *cell {
        Cell::Null => {
            statement.raw_bind_parameter(place, Null)?;
            Bound::Null
        },
        Cell::Number(number) => {
            statement.raw_bind_parameter(place, number)?;
            Bound::Number(number)
        },
        Cell::Bytes(bytes) => {
            statement.raw_bind_parameter(place, bytes)?;
            Bound::Other
        },
        Cell::Text(text) => {
            statement.raw_bind_parameter(place, text)?;
            Bound::Other
        },
    })
}

/// The rows of one transaction for one table.
pub(super) struct Bulk<'conn, 'row, const COLUMNS: usize> {
    conn: &'conn Connection,
    /// The longest first, the last one for a single row.
    inserts: [Insert; 3],
    /// Each from when it is first needed.
    sheets: [Option<Sheet<'conn>>; 3],
    waiting: Vec<[Cell<'row>; COLUMNS]>,
}

impl<'conn, 'row, const COLUMNS: usize> Bulk<'conn, 'row, COLUMNS> {
    pub(super) fn new(conn: &'conn Connection, inserts: [Insert; 3]) -> Self {
        Self {
            conn,
            inserts,
            sheets: [const { None }; 3],
            waiting: Vec::with_capacity(inserts[0].0),
        }
    }

    /// Takes a row. Whether it was written, with all before it.
    pub(super) fn push(&mut self, row: [Cell<'row>; COLUMNS]) -> rusqlite::Result<bool> {
        self.waiting.push(row);
        if self.waiting.len() < self.inserts[0].0 {
            return Ok(false);
        }
        self.finish()
    }

    /// Writes what waits. Whether that was anything.
    pub(super) fn finish(&mut self) -> rusqlite::Result<bool> {
        let mut waiting = self.waiting.as_slice();
        for ((many, sql), place) in self.inserts.iter().zip(&mut self.sheets) {
            while let Some((rows, later)) = waiting.split_at_checked(*many) {
                let sheet = match place {
                    Some(sheet) => sheet,
                    None => place.insert(Sheet::prepare(self.conn, sql)?),
                };
                sheet.insert(rows.as_flattened())?;
                waiting = later;
            }
        }
        let any = !self.waiting.is_empty();
        self.waiting.clear();
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAIRS: [Insert; 3] = inserts!("INSERT INTO pairs (one, two) VALUES ", "(?,?)");

    /// A column's values as text, in the order they were put in.
    fn column(conn: &Connection, name: &str) -> Vec<String> {
        let sql = format!("SELECT quote({name}) FROM pairs ORDER BY id");
        let mut list = conn.prepare(&sql).unwrap();
        let found = list.query_map([], |row| row.get(0)).unwrap();
        found.map(Result::unwrap).collect()
    }

    fn quoted(cell: &Cell<'_>) -> String {
        match cell {
            Cell::Null => "NULL".to_owned(),
            Cell::Number(number) => number.to_string(),
            Cell::Bytes(bytes) => {
                let all_alike = format!("{:02X}", bytes[0]).repeat(16);
                format!("X'{all_alike}'")
            },
            Cell::Text(text) => format!("'{text}'"),
        }
    }

    /// Few values, so that the same one often stands in the same place again.
    fn cell() -> impl Strategy<Value = Cell<'static>> {
        prop_oneof![
            Just(Cell::Null),
            (0_i64..3).prop_map(Cell::Number),
            (0_u8..2).prop_map(|byte| Cell::Bytes([byte; 16])),
            Just(Cell::Text("a")),
            Just(Cell::Text("b")),
        ]
    }

    proptest! {
        #[test]
        fn every_row_arrives_once_and_in_order(
            rows in proptest::collection::vec([cell(), cell()], 0..90)
        ) {
            let conn = Connection::open_in_memory().unwrap();
            conn.execute_batch("CREATE TABLE pairs (id INTEGER PRIMARY KEY, one, two)").unwrap();
            // The second time, the statements come out of the cache.
            let (first, second) = rows.split_at(rows.len() / 2);
            for part in [first, second] {
                let mut bulk = Bulk::new(&conn, PAIRS);
                for row in part {
                    bulk.push(*row).unwrap();
                }
                bulk.finish().unwrap();
                prop_assert!(!bulk.finish().unwrap(), "nothing is left");
            }
            for (place, name) in ["one", "two"].into_iter().enumerate() {
                let expected: Vec<_> = rows.iter().map(|row| quoted(&row[place])).collect();
                prop_assert_eq!(column(&conn, name), expected);
            }
        }
    }
}
