//! The shutdown of the service.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::GOODBYE;
use crate::clients::{Client, Running, patient};
use crate::service::{Service, Settings};

#[tokio::test]
async fn shutdown_tells_watchers_every_end_and_goodbye() {
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
    assert_eq!(watcher.read_to_the_end().await, expected);
    assert_eq!(worker.read_to_the_end().await, [GOODBYE]);
    assert_eq!(drained.await.unwrap().cut_off, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_answered_commands_were_done() {
    for _ in 0..20 {
        let service = Running::start(patient()).await;
        let mut watcher = service.enter().await;
        assert_eq!(watcher.ask("WATCH").await, "OK");
        let watcher = tokio::spawn(watcher.read_to_the_end());

        let (address, asked) = (service.address, 2_000);
        let (begun, going) = oneshot::channel();
        let client = tokio::spawn(async move {
            let mut peer = Client::of(TcpStream::connect(address).await.unwrap());
            assert_eq!(peer.ask("CREATE 0").await, "OK");
            begun.send(()).unwrap();
            let Client { mut from, mut to } = peer;
            let asking = async {
                for n in 1..asked {
                    // Writing fails once the service has closed the connection.
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
async fn shutdown_does_not_wait_for_unread_watchers() {
    let service = Running::start(Settings {
        drain: Duration::from_millis(50),
        goodbye: Duration::from_millis(50),
        ..patient()
    })
    .await;
    let mut worker = service.enter().await;
    assert_eq!(worker.ask("CREATE b").await, "OK");
    let put = format!("PUT b k {}", "v".repeat(60_000));
    assert_eq!(worker.ask(put).await, "OK");
    let mut stuck = service.enter_small().await;
    assert_eq!(stuck.ask("WATCH").await, "OK");
    stuck.send("GET b k\n".repeat(1_000)).await; // more than the sockets buffer
    for n in 0..100 {
        assert_eq!(worker.ask(format!("CREATE b{n}")).await, "OK");
    }
    drop(worker);
    let drained = service.drain().await;
    assert_eq!((drained.served, drained.cut_off), (1, 1));
    drop(stuck);
}

#[tokio::test]
async fn shutdown_is_announced_despite_unread_answers() {
    let service = Running::start(patient()).await;
    let mut watcher = service.enter().await;
    assert_eq!(watcher.ask("WATCH").await, "OK");
    assert_eq!(watcher.ask("CREATE b").await, "* created b");
    assert_eq!(watcher.hear().await, "OK");
    let put = format!("PUT b k {}", "v".repeat(60_000));
    assert_eq!(watcher.ask(put).await, "OK");

    let mut deaf = service.enter_small().await;
    deaf.send("GET b k\n".repeat(1_000)).await; // more than the sockets buffer
    for _ in 0..100 {
        assert_eq!(watcher.ask("NAMES").await, "b");
        assert_eq!(watcher.hear().await, "OK");
    }

    let drained = tokio::spawn(service.drain());
    let expected = ["* exited b (registry gone)", GOODBYE];
    assert_eq!(watcher.read_to_the_end().await, expected);
    assert!(!drained.is_finished(), "there are answers to be taken");
    drop(deaf);
    assert_eq!(drained.await.unwrap().cut_off, 0);
}

/// The future of a whole service can be sent to another thread, and dropped.
#[tokio::test]
async fn dropping_the_service_closes_connections() {
    fn is_send<T: Future + Send>(future: T) -> T {
        future
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = Service::start(patient());
    let running = tokio::spawn(is_send(service.run(listener, std::future::pending())));
    let mut peer = Client::of(TcpStream::connect(address).await.unwrap());
    assert_eq!(peer.ask("CREATE a").await, "OK");
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let mut rest = Vec::new();
    let _reset = peer.from.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}
