//! The example `service`, end to end over real sockets: whatever one client does, the others have
//! their answers, and it can be closed.
#![cfg(feature = "rt")]

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;
use guest::{Guest, Running, flood, long_name, patient};
use service::{Service, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

#[path = "../examples/kv_registry/answer.rs"]
mod answer;
#[path = "../examples/service/client.rs"]
mod client;
#[path = "../examples/kv_registry/command.rs"]
mod command;
#[path = "support/guest.rs"]
mod guest;
#[path = "../examples/kv_registry/line.rs"]
mod line;
#[path = "../examples/service/service.rs"]
mod service;

const GOODBYE: &str = "* goodbye: the service is shutting down";
const OVERDUE: &str = "* goodbye: disconnected: it made publishers wait for too long";

// ---- Answers --------------------------------------------------------------------------------

#[tokio::test]
async fn the_sample_is_answered_as_by_kv_registry() {
    let service = Running::start(patient()).await;
    let mut guest = service.enter().await;
    guest.send(include_str!("../examples/shopping.txt")).await;
    guest.to.shutdown().await.unwrap();
    let expected = [
        "OK",
        "OK",
        "OK",
        "3",
        "one dozen, free range",
        "OK",
        "NOT FOUND",
        "OK",
        "OK",
        "shopping",
        "work",
        "OK",
        "error on line 12: unknown command \"EAT\"",
        "OK",
        "NOT FOUND",
        "work",
        "OK",
    ];
    assert_eq!(guest.hear_out().await, expected);
    let drained = service.drain().await;
    assert_eq!((drained.served, drained.cut_off), (1, 0));
}

#[tokio::test]
async fn news_of_a_command_come_before_its_answer() {
    let service = Running::start(patient()).await;
    let mut guest = service.enter().await;
    assert_eq!(guest.ask("WATCH").await, "OK");
    assert_eq!(guest.ask(" WATCH\t").await, "OK", "to ask again is fine");
    for n in 0..100 {
        assert_eq!(
            guest.ask(format!("CREATE b{n}")).await,
            format!("* created b{n}"),
            "and once only"
        );
        assert_eq!(guest.hear().await, "OK");
    }
    assert_eq!(
        guest.ask("WATCH b").await,
        "error on line 103: too many arguments, usage: WATCH"
    );
    assert_eq!(guest.ask("STOP b7").await, "* exited b7 (stopped)");
    assert_eq!(guest.hear().await, "OK");
}

#[tokio::test]
async fn garbage_is_answered_with_errors_and_the_client_stays() {
    let service = Running::start(patient()).await;
    let mut guest = service.enter().await;
    guest
        .send(b"\xff\xfe\n\0\n\x80WATCH\nCREATE \xc3\x28\n")
        .await;
    guest.send(vec![b'x'; 1 << 20]).await;
    guest.send("\nCREATE a\x1b[31m\nNAMES\n").await;
    let expected = [
        "error on line 1: invalid utf-8 sequence of 1 bytes from index 0",
        r#"error on line 2: unknown command "\0""#,
        "error on line 3: invalid utf-8 sequence of 1 bytes from index 0",
        "error on line 4: invalid utf-8 sequence of 1 bytes from index 7",
        "error on line 5: longer than 65536 bytes",
        "OK",
        r"a\u{1b}[31m",
        "OK",
    ];
    for line in expected {
        assert_eq!(guest.hear().await, line);
    }
}

#[tokio::test]
async fn half_a_line_is_not_obeyed() {
    let service = Running::start(patient()).await;
    let mut guest = service.enter().await;
    assert_eq!(guest.ask("CREATE work").await, "OK");

    let mut vanishing = service.enter().await;
    vanishing.send("STOP work").await; // `STOP workshop`, had the line held
    vanishing.to.shutdown().await.unwrap();
    assert!(vanishing.hear_out().await.is_empty());

    assert_eq!(guest.ask("NAMES").await, "work");
}

#[tokio::test]
async fn a_gibibyte_without_a_line_end_takes_the_memory_of_one_line() {
    let gibibyte = tokio::io::repeat(b'x').take(1 << 30);
    let mut input = BufReader::with_capacity(1 << 16, gibibyte.chain(&b"\nNAMES\n"[..]));
    let mut line = Vec::new();
    let read = line::next_line(&mut input, &mut line).await.unwrap();
    assert_eq!(read, Some(line::Line::TooLong));
    assert!(line.capacity() <= 4 * line::MAX_LINE, "{}", line.capacity());
    let read = line::next_line(&mut input, &mut line).await.unwrap();
    assert_eq!((read, &*line), (Some(line::Line::Whole), &b"NAMES"[..]));
}

// ---- One against all ------------------------------------------------------------------------

#[tokio::test]
async fn a_stuck_watcher_is_disconnected_and_told_so_and_nobody_else_notices() {
    let service = Running::start(Settings {
        window: 8,
        patience: Duration::from_millis(100),
        ..patient()
    })
    .await;
    let mut stuck = service.enter_small().await;
    assert_eq!(stuck.ask("WATCH").await, "OK");
    let mut watcher = service.enter().await;
    assert_eq!(watcher.ask("WATCH").await, "OK");
    let watcher = tokio::spawn(watcher.hear_out());

    // Were it not disconnected, this would never end: nobody but the patience lets go of it.
    let mut worker = service.enter().await;
    let created = flood(&mut worker).await;
    assert_eq!(worker.ask("GET nothing here").await, "NOT FOUND");

    // It comes back, and hears what it had not missed, and why there is no more.
    let heard = stuck.hear_out().await;
    let (last, news) = heard.split_last().unwrap();
    assert_eq!(last, OVERDUE);
    assert!(news.len() < created, "{} of {created}", news.len());
    for (n, line) in news.iter().enumerate() {
        assert_eq!(*line, format!("* created {}", long_name(n)));
    }

    drop(worker);
    let drained = service.drain().await;
    assert_eq!((drained.served, drained.cut_off), (3, 0));
    let heard = watcher.await.unwrap();
    assert_eq!(
        heard.len(),
        2 * created + 1,
        "every name twice, and goodbye"
    );
    assert!(heard[created - 1].starts_with(&format!("* created {:05}", created - 1)));
    assert!(heard[created].starts_with("* exited 00000"));
}

#[tokio::test]
async fn a_hundred_clients_have_their_answers_whatever_three_others_do() {
    const CLIENTS: usize = 100;
    let service = Running::start(Settings {
        window: 128,
        patience: Duration::from_millis(200),
        drain: Duration::from_millis(500),
        goodbye: Duration::from_millis(500),
        ..patient()
    })
    .await;

    let mut never_reads = service.enter_small().await;
    assert_eq!(never_reads.ask("WATCH").await, "OK");
    let mut garbage = service.enter().await;
    let garbage = async move {
        for n in 0..100_u8 {
            garbage.send([b'\xff', n | 0x80, b'\n']).await;
            let error = garbage.hear().await;
            assert!(error.contains("invalid utf-8"), "{error}");
        }
        garbage
    };
    let mut vanishing = service.enter().await;
    vanishing.send("PUT b0 k half a li").await;

    let mut watcher = service.enter().await;
    assert_eq!(watcher.ask("WATCH").await, "OK");
    let watcher = tokio::spawn(watcher.hear_out());

    let work = async |n: usize| {
        let mut guest = service.enter().await;
        let name = format!("b{n}-{}", "x".repeat(40_000));
        for round in 0..3 {
            assert_eq!(guest.ask(format!("CREATE {name}")).await, "OK");
            assert_eq!(guest.ask(format!("PUT {name} k {n} {round}")).await, "OK");
            let value = guest.ask(format!("GET {name} k")).await;
            assert_eq!(value, format!("{n} {round}"));
            assert_eq!(guest.ask(format!("DELETE {name} k")).await, "OK");
            assert_eq!(guest.ask(format!("GET {name} k")).await, "NOT FOUND");
            assert_eq!(guest.ask(format!("STOP {name}")).await, "OK");
        }
        guest
    };
    drop(vanishing);
    let (guests, garbage) = futures::join!(join_all((0..CLIENTS).map(work)), garbage);
    assert_eq!(guests.len(), CLIENTS);

    let drained = tokio::spawn(service.drain());
    for guest in guests.into_iter().chain([garbage]) {
        assert_eq!(guest.hear_out().await, [GOODBYE]);
    }
    let heard = watcher.await.unwrap();
    assert_eq!(heard.len(), CLIENTS * 3 * 2 + 1, "it missed nothing");
    let drained = drained.await.unwrap();
    assert_eq!((drained.served, drained.cut_off), (CLIENTS + 3, 1));
    drop(never_reads);
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_cut_off() {
    let service = Running::start(Settings {
        stall: Duration::from_millis(20),
        ..patient()
    })
    .await;
    let mut guest = service.enter().await;
    assert_eq!(guest.ask("CREATE b").await, "OK");
    assert_eq!(
        guest.ask(format!("PUT b k {}", "v".repeat(60_000))).await,
        "OK"
    );

    let mut deaf = service.enter_small().await;
    let asked = 1_000;
    deaf.send("GET b k\n".repeat(asked)).await;
    assert_eq!(guest.ask("NAMES").await, "b", "nobody else notices");
    assert_eq!(guest.hear().await, "OK");
    // Its answers are three times what sockets hold. When it is gone, another one may be let in.
    drop(guest);
    let drained = tokio::spawn(service.drain());
    let drained = drained.await.unwrap();
    assert_eq!((drained.served, drained.cut_off), (1, 1));
    let mut answers = Vec::new();
    let _reset = deaf.from.read_to_end(&mut answers).await;
    assert!(answers.len() < asked * 60_000, "{}", answers.len());
}

#[tokio::test]
async fn one_client_more_than_allowed_waits_until_one_leaves() {
    let service = Running::start(Settings {
        clients: 2,
        ..patient()
    })
    .await;
    let mut guests = vec![service.enter().await, service.enter().await];
    for guest in &mut guests {
        assert_eq!(guest.ask("CREATE a").await, "OK");
    }
    let mut third = service.enter().await;
    third.send("STOP a\n").await;
    for guest in &mut guests {
        assert_eq!(guest.ask("NAMES").await, "a", "it is not yet in");
        assert_eq!(guest.hear().await, "OK");
    }
    guests.pop();
    assert_eq!(third.hear().await, "OK");
    assert_eq!(guests[0].ask("NAMES").await, "OK", "now it is");
}

// ---- Closing --------------------------------------------------------------------------------

#[tokio::test]
async fn at_the_end_watchers_hear_of_every_bucket_and_then_goodbye() {
    let service = Running::start(patient()).await;
    let mut watcher = service.enter().await;
    assert_eq!(watcher.ask("WATCH").await, "OK");
    let mut worker = service.enter().await;
    assert_eq!(worker.ask("CREATE a").await, "OK");
    assert_eq!(worker.ask("CREATE b").await, "OK");
    worker.send("CREATE half a line").await;

    let drained = tokio::spawn(service.drain());
    let expected = [
        "* created a",
        "* created b",
        "* exited a (registry gone)",
        "* exited b (registry gone)",
        GOODBYE,
    ];
    assert_eq!(watcher.hear_out().await, expected);
    assert_eq!(worker.hear_out().await, [GOODBYE]);
    assert_eq!(drained.await.unwrap().cut_off, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_before_goodbye_was_done_and_nothing_else() {
    for _ in 0..20 {
        let service = Running::start(patient()).await;
        let mut watcher = service.enter().await;
        assert_eq!(watcher.ask("WATCH").await, "OK");
        let watcher = tokio::spawn(watcher.hear_out());

        let (address, asked) = (service.address, 2_000);
        let (begun, going) = oneshot::channel();
        let client = tokio::spawn(async move {
            let mut guest = Guest::of(TcpStream::connect(address).await.unwrap());
            assert_eq!(guest.ask("CREATE 0").await, "OK");
            begun.send(()).unwrap();
            let Guest { mut from, mut to } = guest;
            let asking = async {
                for n in 1..asked {
                    // Once the service has hung up, it fails.
                    if to
                        .write_all(format!("CREATE {n}\n").as_bytes())
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
            };
            let mut text = String::new();
            let hearing = from.read_to_string(&mut text);
            let ((), heard) = tokio::join!(asking, hearing);
            heard.unwrap();
            text
        });
        going.await.unwrap();
        assert_eq!(service.drain().await.cut_off, 0);

        let text = client.await.unwrap();
        let answers: Vec<_> = text.lines().collect();
        let (last, answers) = answers.split_last().unwrap();
        assert_eq!(*last, GOODBYE);
        assert!(answers.iter().all(|answer| *answer == "OK"));
        let done = answers.len() + 1;

        let heard = watcher.await.unwrap();
        let created = heard.iter().filter(|line| line.starts_with("* created"));
        let exited = heard.iter().filter(|line| line.starts_with("* exited"));
        assert_eq!((created.count(), exited.count()), (done, done));
        assert_eq!(heard.last().unwrap(), GOODBYE);
    }
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_watcher_that_never_reads() {
    let service = Running::start(Settings {
        drain: Duration::from_millis(50),
        goodbye: Duration::from_millis(50),
        ..patient()
    })
    .await;
    let mut stuck = service.enter_small().await;
    assert_eq!(stuck.ask("WATCH").await, "OK");
    let mut worker = service.enter().await;
    flood(&mut worker).await;
    drop(worker);
    let drained = service.drain().await;
    assert_eq!((drained.served, drained.cut_off), (1, 1));
    drop(stuck);
}

/// The future of a whole service can be sent to another thread, and dropped.
#[tokio::test]
async fn a_service_that_is_dropped_hangs_up() {
    fn is_send<T: Future + Send>(future: T) -> T {
        future
    }
    let service = Service::bind("127.0.0.1:0", patient()).await.unwrap();
    let address = service.address().unwrap();
    let running = tokio::spawn(is_send(service.run(std::future::pending())));
    let mut guest = Guest::of(TcpStream::connect(address).await.unwrap());
    assert_eq!(guest.ask("CREATE a").await, "OK");
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let mut rest = Vec::new();
    let _reset = guest.from.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}
