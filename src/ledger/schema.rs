//! The shape of the database file and how an older file becomes a newer one.
//!
//! Steps run forward only, each in one transaction with the number it leaves in
//! `PRAGMA user_version`. A step that has shipped is never edited: a change is a new step. Called by
//! `store` when a file is opened.

use rusqlite::Connection;

/// `PRAGMA application_id` of our files: "PNTS" as big-endian ASCII.
pub(super) const APPLICATION_ID: i64 = 0x504E_5453;

/// One migration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The version it leads to; versions rise by one.
    pub(super) version: i64,
    /// The statements.
    pub(super) sql: &'static str,
}

/// Every step there is, oldest first.
pub(super) const STEPS: &[Step] = &[
    // Requests with their attempts, dictionaries, gaps.
    Step {
        version: 1,
        sql: include_str!("schema/0001.sql"),
    },
];

/// The views of the newest version.
const VIEWS: &str = include_str!("schema/views.sql");

/// The version the last of `steps` leads to.
pub(super) fn newest(steps: &[Step]) -> i64 {
    steps.last().map_or(0, |step| step.version)
}

/// Brings a file to the newest version. A file that is newer already is left as it is.
pub(super) fn migrate(conn: &mut Connection, steps: &[Step]) -> rusqlite::Result<()> {
    let found = version(conn)?;
    if found >= newest(steps) {
        return Ok(());
    }
    let change = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for step in steps.iter().filter(|step| step.version > found) {
        change.execute_batch(step.sql)?;
    }
    change.execute_batch(VIEWS)?;
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    change.pragma_update(None, "user_version", newest(steps))?;
    change.commit()
}

/// The version a file is at; 0 for an empty one.
pub(super) fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Which program's file this is; 0 for an empty one.
pub(super) fn application(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "application_id", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Surface;

    /// A step as the next version might bring.
    const NEXT: Step = Step {
        version: 2,
        sql: "ALTER TABLE requests ADD COLUMN team INTEGER;",
    };

    fn columns(conn: &Connection, table: &str) -> Vec<String> {
        let mut list = conn
            .prepare("SELECT name FROM pragma_table_info(?1)")
            .unwrap();
        let names = list.query_map([table], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    }

    #[test]
    fn steps_rise_by_one() {
        for (place, step) in STEPS.iter().enumerate() {
            assert_eq!(step.version, i64::try_from(place).unwrap() + 1);
        }
    }

    #[test]
    fn an_older_file_is_carried_forward_with_its_rows() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, STEPS).unwrap();
        conn.execute_batch("INSERT INTO errors (word) VALUES ('kept')")
            .unwrap();
        let next = [STEPS, &[NEXT]].concat();
        migrate(&mut conn, &next).unwrap();
        assert_eq!(version(&conn).unwrap(), 2);
        assert!(columns(&conn, "requests").contains(&"team".to_owned()));
        let kept: String = conn
            .query_row("SELECT word FROM errors", [], |row| row.get(0))
            .unwrap();
        assert_eq!(kept, "kept");
        migrate(&mut conn, &next).unwrap();
        migrate(&mut conn, STEPS).unwrap();
        assert_eq!(version(&conn).unwrap(), 2, "never back");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, STEPS).unwrap();
        let broken = Step {
            version: 2,
            sql: "CREATE TABLE half (id INTEGER); SELECT nonsense;",
        };
        assert!(migrate(&mut conn, &[STEPS, &[broken]].concat()).is_err());
        assert_eq!(version(&conn).unwrap(), 1);
        assert!(columns(&conn, "half").is_empty());
    }

    #[test]
    fn the_view_knows_every_surface() {
        for (code, surface) in Surface::ALL.iter().enumerate() {
            let case = format!("WHEN {code} THEN '{}'", surface.call_type());
            assert!(VIEWS.contains(&case), "{case}");
        }
    }
}
