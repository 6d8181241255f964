//! A database that fails.

use std::fs;

use rusqlite::Connection;
use serde_json::json;

use crate::client::{Client, Events};
use crate::program::{Path, Program};

#[tokio::test]
async fn a_database_that_fails_gives_500_and_leaves_no_hole() {
    let path = Path::new();
    let options = ["--database", path.as_str()];
    Program::start(&options).await.drain().await;
    let connection = Connection::open(path.as_str()).unwrap();
    let trigger = "CREATE TRIGGER full BEFORE INSERT ON orders WHEN NEW.item = 'too much'
                   BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    connection.execute_batch(trigger).unwrap();
    drop(connection);

    let program = Program::start(&options).await;
    let mut events = Events::connect(program.address, "").await;
    events.starts_over().await;
    let mut client = Client::connect(program.address).await;
    for id in 1..=3 {
        let answer = client.order("ada", "too much", 1).await;
        assert_eq!(answer.status, 500);
        let answer = answer.json();
        let failed = json!([{ "name": "database", "cause": "failed: the disk is full" }]);
        assert_eq!(answer["failed"], failed);
        assert!(answer["id"].is_null());

        // No browser sees the order, and the next order takes its number.
        assert_eq!(client.order("ada", "tea", 1).await.status, 201);
        events.orders(id, id).await;
    }
}

#[tokio::test]
async fn a_second_service_with_the_same_database_is_refused() {
    let path = Path::new();
    let options = ["--database", path.as_str()];
    let _first = Program::start(&options).await;
    let error = Program::fails_to_start(&options).await;
    assert!(error.ends_with(".sqlite: database is locked\n"), "{error}");
}

#[tokio::test]
async fn a_bad_database_or_command_line_is_reported() {
    let path = Path::new();
    fs::write(path.as_str(), "this is no database, whatever its name says").unwrap();
    let error = Program::fails_to_start(&["--database", path.as_str()]).await;
    assert!(error.contains(".sqlite: file is not a database"), "{error}");
    let error = Program::fails_to_start(&["--database", "/nowhere/orders.sqlite"]).await;
    assert!(
        error.contains("/nowhere/orders.sqlite: unable to open database file"),
        "{error}"
    );
    for (options, message) in [
        (&["--window"][..], "--window: a value is missing"),
        (
            &["--window", "0"],
            "--window 0: not a number from 1 to 1000000",
        ),
        (&["--what", "0"], "--what: unknown option"),
        (&["nowhere"], "nowhere: invalid socket address syntax"),
    ] {
        let error = Program::fails_to_start(options).await;
        assert!(
            error.starts_with(message) && error.contains("usage: "),
            "{error}"
        );
    }
}
