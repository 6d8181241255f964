//! The orders in an `SQLite` file.
//!
//! The file is the log for browsers to resume from, also after a restart. Ids are therefore consecutive,
//! and given by the service: order n + 1 follows order n, without a hole after a failed transaction. The
//! service is the only writer, and holds the lock of the file: a second service with the same file
//! would give the same ids.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::order::{Order, Stored};

/// The number of readers at the connection. Further readers wait their turn: an insert would wait
/// behind a whole crowd of browsers otherwise.
const READERS: usize = 2;

#[derive(Clone)]
pub(crate) struct Database {
    connection: Arc<Mutex<Connection>>,
    readers: Arc<Semaphore>,
    mark: Arc<str>,
}

impl Database {
    /// Opens or creates the file. `None`: a temporary file, which the system removes at the end of the
    /// process, even if the process is killed.
    pub(crate) fn open(path: Option<&Path>) -> rusqlite::Result<Self> {
        // For an empty path, SQLite makes a temporary file without a name.
        let connection = Connection::open(path.unwrap_or(Path::new("")))?;
        // `full`: a confirmed order survives a power failure.
        connection.execute_batch(
            "PRAGMA locking_mode = exclusive;
             PRAGMA journal_mode = wal;
             PRAGMA synchronous = full;
             BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS mark (mark TEXT NOT NULL);
             INSERT INTO mark SELECT lower(hex(randomblob(4))) WHERE NOT EXISTS (SELECT * FROM mark);
             CREATE TABLE IF NOT EXISTS orders (
                 id INTEGER PRIMARY KEY,
                 customer TEXT NOT NULL,
                 item TEXT NOT NULL,
                 quantity INTEGER NOT NULL
             );
             COMMIT;",
        )?;
        let mark: String = connection.query_row("SELECT mark FROM mark", [], |row| row.get(0))?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            readers: Arc::new(Semaphore::new(READERS)),
            mark: mark.into(),
        })
    }

    /// Returns a random text that differs between files: ids of another file mean other orders.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// Stores orders in a single transaction: all of them, or none.
    pub(crate) async fn insert(&self, orders: Vec<Order>) -> Result<Vec<Stored>, DatabaseError> {
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            let newest = newest(&transaction)?;
            let mut stored = Vec::with_capacity(orders.len());
            let mut insert = transaction.prepare("INSERT INTO orders VALUES (?1, ?2, ?3, ?4)")?;
            for (id, order) in (newest + 1..).zip(orders) {
                let (customer, item) = (order.customer.as_str(), order.item.as_str());
                insert.execute(params![id, customer, item, order.quantity.get()])?;
                stored.push(Stored { id, order });
            }
            drop(insert);
            transaction.commit()?;
            Ok(stored)
        })
        .await
    }

    /// Returns up to `limit` orders after the order `id`, oldest first.
    pub(crate) async fn after(&self, id: i64, limit: u32) -> Result<Vec<Stored>, DatabaseError> {
        let _turn = self.readers.acquire().await;
        self.call(move |connection| {
            let mut select = connection.prepare(
                "SELECT id, customer, item, quantity FROM orders WHERE id > ?1 ORDER BY id LIMIT ?2",
            )?;
            let rows = select.query_map(params![id, limit], stored)?;
            rows.collect()
        })
        .await
    }

    /// Returns the id of the newest order, or 0.
    pub(crate) async fn newest(&self) -> Result<i64, DatabaseError> {
        let _turn = self.readers.acquire().await;
        self.call(|connection| newest(connection)).await
    }

    /// Writes the log of the database back into its file.
    pub(crate) async fn flush(&self) -> Result<(), DatabaseError> {
        self.call(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
        .await
    }

    /// Runs `query` on a thread that may block: a query waits for the disk.
    async fn call<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let connection = Arc::clone(&self.connection);
        let result = spawn_blocking(move || {
            query(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match result.await {
            Ok(result) => result.map_err(|error| DatabaseError(error.to_string())),
            Err(panicked) => Err(DatabaseError(panicked.to_string())),
        }
    }
}

fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(id), 0) FROM orders", [], |row| {
        row.get(0)
    })
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    // Another program may have made the row invalid: an error, not a panic.
    let invalid = |column, kind, why: String| {
        rusqlite::Error::FromSqlConversionFailure(column, kind, why.into())
    };
    let text = |column| row.get::<_, String>(column);
    let order = Order {
        customer: (text(1)?.try_into()).map_err(|why| invalid(1, Type::Text, why))?,
        item: (text(2)?.try_into()).map_err(|why| invalid(2, Type::Text, why))?,
        quantity: (row.get::<_, u32>(3)?.try_into())
            .map_err(|why| invalid(3, Type::Integer, why))?,
    };
    Ok(Stored {
        id: row.get(0)?,
        order,
    })
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("mark", &self.mark)
            .finish_non_exhaustive()
    }
}

/// The failure of a query, as text: the text becomes the cause in receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DatabaseError(String);

impl DatabaseError {
    pub(crate) fn lost_after(id: i64) -> Self {
        Self(format!(
            "the orders after order {id} are not in the database"
        ))
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for DatabaseError {}
