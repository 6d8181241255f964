//! A database that fails.

use std::fs;
use std::process::Stdio;

use rusqlite::Connection;
use serde_json::json;

use crate::client::{Client, Events, place};
use crate::program::{Path, Program, command, full_output, limited};

/// Creates a database with a trigger for inserted orders.
async fn database_with(trigger: &str) -> Path {
    let path = Path::new();
    let options = ["--database", path.as_str()];
    Program::start(&options).await.drain().await;
    let connection = Connection::open(path.as_str()).unwrap();
    let trigger = format!("CREATE TRIGGER test {trigger}");
    connection.execute_batch(&trigger).unwrap();
    path
}

const REFUSES_TOO_MUCH: &str = "BEFORE INSERT ON orders WHEN NEW.item = 'too much'
    BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";

/// Returns the ids in the database, which no program uses.
fn ids(path: &Path) -> Vec<i64> {
    let connection = Connection::open(path.as_str()).unwrap();
    let mut select = connection
        .prepare("SELECT id FROM orders ORDER BY id")
        .unwrap();
    let ids = select.query_map([], |row| row.get(0)).unwrap();
    ids.map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_database_that_fails_gives_500_and_leaves_no_hole() {
    let path = database_with(REFUSES_TOO_MUCH).await;
    // The failures cannot be printed, either.
    let mut program = command(&["--database", path.as_str()]);
    program.stderr(full_output());
    let program = Program::run(program).await;
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
    assert_eq!(
        program.drain().await,
        "6 orders, 3 of them stored; 0 browsers cut off, 0 connections stuck"
    );
}

#[tokio::test]
async fn a_full_disk_loses_no_order_that_was_confirmed() {
    let path = Path::new();
    let options = ["--database", path.as_str()];
    // The largest size of a file; a larger file gives an error instead of a signal.
    let mut program = limited("trap '' XFSZ; ulimit -f 400", &options);
    program.stderr(Stdio::null());
    let program = Program::run(program).await;
    let mut client = Client::connect(program.address).await;
    let mut confirmed = 0;
    let item = "🍵".repeat(200);
    loop {
        let answer = client.order("ada", &item, 1).await;
        if answer.status != 201 {
            assert_eq!(answer.status, 500);
            assert_eq!(answer.json()["failed"][0]["name"], "database");
            break;
        }
        confirmed += 1;
    }
    assert_eq!(client.order("ada", &item, 1).await.status, 500);
    // Killed, without a drain.
    drop(program);
    assert!(confirmed > 5);
    assert_eq!(ids(&path), (1..=confirmed).collect::<Vec<_>>());
    let program = Program::start(&options).await;
    place(program.address, "ada", 20, "tea").await;
}

#[tokio::test]
async fn a_consumer_that_ends_ends_the_service_and_no_order_is_confirmed_without_it() {
    // The consumer panics because of a row from elsewhere.
    let path = database_with(
        "AFTER INSERT ON orders WHEN NEW.item = 'two'
         BEGIN INSERT INTO orders VALUES (NEW.id + 1, 'ada', 'tea', 1); END",
    )
    .await;
    let mut program = command(&["--database", path.as_str()]);
    program.stderr(Stdio::null());
    let program = Program::run(program).await;
    let address = program.address;
    place(address, "ada", 3, "tea").await;
    let clients = (0..10).map(|_| {
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            let order = r#"{"customer":"eve","item":"two","quantity":1}"#;
            let head = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json";
            let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{order}", order.len());
            // Pipelined: some orders arrive at the moment of the panic.
            let _ = client.try_send(request.repeat(10)).await;
            let mut confirmed = Vec::new();
            while let Some(answer) = client.try_answer().await {
                if answer.status == 201 {
                    confirmed.push(answer.json()["id"].as_str().unwrap().to_owned());
                }
            }
            confirmed
        })
    });
    let mut confirmed = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        confirmed.extend(client.await.unwrap());
    }
    let (status, said) = program.end().await;
    assert_eq!(status.code(), Some(1), "{said}");
    let stored = ids(&path);
    for id in confirmed {
        let (_, id) = id.split_once('-').unwrap();
        assert!(stored.contains(&id.parse().unwrap()), "{id} is lost");
    }
}

#[tokio::test]
async fn a_temporary_database_is_gone_after_a_kill() {
    let directory = std::env::temp_dir().join(format!("genevent-web-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let mut program = command(&[]);
    program.env("TMPDIR", &directory);
    let program = Program::run(program).await;
    place(program.address, "ada", 10, "tea").await;
    drop(program);
    // Fails if a file is left.
    fs::remove_dir(directory).unwrap();
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
        (&["--database", ""], "--database: empty path"),
        (&["nowhere"], "nowhere: invalid socket address syntax"),
    ] {
        let error = Program::fails_to_start(options).await;
        assert!(
            error.starts_with(message) && error.contains("usage: "),
            "{error}"
        );
    }
}
