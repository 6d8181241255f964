//! A client's use of the service is bounded, in memory and in time, and delays no other client. The
//! tests use pipes, where a test knows which bytes are under way, and mostly a paused clock.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};

use crate::GOODBYE;
use crate::client::MAX_NAME;
use crate::clients::{Client, Running, patient};
use crate::outgoing::Outgoing;
use crate::service::Settings;

const SECOND: Duration = Duration::from_secs(1);
const IDLE: &str = "* goodbye: nothing was heard for too long";

/// Runs all tasks until they wait. The clock stands still meanwhile.
async fn let_other_tasks_run() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

/// Reads a byte every second, for ever.
async fn trickle(mut peer: Client) {
    while peer.from.read_u8().await.is_ok() {
        sleep(SECOND).await;
    }
}

// ---- Memory -----------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn unread_listings_take_one_page_each() {
    const CLIENTS: usize = 40;
    const BUCKETS: usize = 2_000;
    let service = Running::start(patient()).await;
    let (mut worker, _) = service.enter_by_pipe(1 << 16);
    let name = |n| format!("{n:04}-{}", "x".repeat(200));
    for n in 0..BUCKETS {
        assert_eq!(worker.ask(format!("CREATE {}", name(n))).await, "OK");
    }

    let mut deaf = Vec::new();
    for _ in 0..CLIENTS {
        let (mut peer, _) = service.enter_by_pipe(1_024);
        peer.send("NAMES\n".repeat(100)).await;
        deaf.push(peer);
    }
    let_other_tasks_run().await;
    let queued = service.shared.queued.bytes();
    assert!(queued > CLIENTS * 1_024, "each has an answer: {queued}");
    assert!(queued < CLIENTS * Outgoing::<Vec<u8>>::FULL, "{queued}");

    // The answer is complete nevertheless.
    let mut reader = deaf.pop().unwrap();
    for n in 0..BUCKETS {
        assert_eq!(reader.hear().await, name(n));
    }
    assert_eq!(reader.hear().await, "OK");
    drop((reader, deaf));
    let_other_tasks_run().await;
    assert_eq!(service.shared.queued.bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn names_are_listed_in_pages_despite_changes() {
    let service = Running::start(patient()).await;
    let (mut worker, _) = service.enter_by_pipe(1 << 16);
    for n in 0..200 {
        assert_eq!(worker.ask(format!("CREATE {n:03}")).await, "OK");
    }
    let (mut reader, _) = service.enter_by_pipe(16);
    reader.send("NAMES\n").await;
    assert_eq!(reader.hear().await, "000");
    for command in ["STOP 001", "STOP 199", "CREATE 0005", "CREATE 1985"] {
        assert_eq!(worker.ask(command).await, "OK");
    }
    let mut heard = vec!["000".to_owned()];
    while heard.last().unwrap() != "OK" {
        heard.push(reader.hear().await);
    }
    heard.pop();
    assert!(heard.is_sorted(), "{heard:?}");
    for n in (0..199).filter(|n| *n != 1) {
        let name = format!("{n:03}");
        assert_eq!(heard.iter().filter(|heard| **heard == name).count(), 1);
    }
    assert!(heard.contains(&"1985".to_owned()), "it is on a later page");
}

#[tokio::test(start_paused = true)]
async fn a_name_has_a_maximum_length() {
    let service = Running::start(patient()).await;
    let (mut peer, _) = service.enter_by_pipe(1 << 16);
    let longest = "x".repeat(MAX_NAME);
    assert_eq!(peer.ask(format!("CREATE {longest}")).await, "OK");
    assert_eq!(
        peer.ask(format!("CREATE {longest}x")).await,
        "error on line 2: a name longer than 256 bytes"
    );
    assert_eq!(peer.ask("NAMES").await, longest);
}

// ---- Events -------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_slow_watcher_blocks_no_other_client() {
    let service = Running::start(Settings {
        window: 8,
        ..patient()
    })
    .await;
    let (mut slow, _) = service.enter_by_pipe(16);
    assert_eq!(slow.ask("WATCH").await, "OK");
    let slow = tokio::spawn(trickle(slow));

    let (mut worker, _) = service.enter_by_pipe(1 << 16);
    let start = Instant::now();
    for n in 0..1_000 {
        assert_eq!(worker.ask(format!("CREATE {n}")).await, "OK");
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody waited for it");
    slow.abort();
}

#[tokio::test(start_paused = true)]
async fn a_lagging_watcher_loses_the_oldest_events() {
    const WINDOW: usize = 8;
    const BUCKETS: usize = 100;
    let service = Running::start(Settings {
        window: WINDOW,
        ..patient()
    })
    .await;
    let (mut slow, _) = service.enter_by_pipe(64);
    assert_eq!(slow.ask("WATCH").await, "OK");
    let (mut worker, _) = service.enter_by_pipe(1 << 16);
    for n in 0..BUCKETS {
        assert_eq!(worker.ask(format!("CREATE {n}")).await, "OK");
    }

    let (mut next, mut missed) = (0, 0);
    while next < BUCKETS {
        let line = slow.hear().await;
        if let Some(rest) = line.strip_prefix("* missed ") {
            let events: usize = rest.strip_suffix(" events").unwrap().parse().unwrap();
            next += events;
            missed += events;
        } else {
            assert_eq!(line, format!("* created {next}"));
            next += 1;
        }
    }
    assert!((1..=BUCKETS - WINDOW).contains(&missed), "{missed}");
    assert_eq!(slow.ask("STOP 7").await, "* exited 7 (stopped)");
}

#[tokio::test(start_paused = true)]
async fn watching_clients_leave_connections_for_other_clients() {
    let service = Running::start(Settings {
        watchers: 1,
        ..patient()
    })
    .await;
    let (mut first, _) = service.enter_by_pipe(1_024);
    let (mut second, _) = service.enter_by_pipe(1_024);
    assert_eq!(first.ask("WATCH").await, "OK");
    assert_eq!(first.ask("WATCH").await, "OK", "it has its place");
    let refused = "error on line 1: too many clients watch already";
    assert_eq!(second.ask("WATCH").await, refused);
    assert_eq!(second.ask("CREATE a").await, "OK");
    drop(first);
    let_other_tasks_run().await;
    assert_eq!(second.ask("WATCH").await, "OK");
}

#[tokio::test(start_paused = true)]
async fn names_are_escaped_for_the_terminal() {
    let service = Running::start(patient()).await;
    let (mut peer, _) = service.enter_by_pipe(1_024);
    assert_eq!(peer.ask("WATCH").await, "OK");
    let name = "gpj\u{202e}exe\u{200b}\u{2066}\u{9b}";
    let shown = r"gpj\u{202e}exe\u{200b}\u{2066}\u{9b}";
    assert_eq!(
        peer.ask(format!("CREATE {name}")).await,
        format!("* created {shown}")
    );
    assert_eq!(peer.hear().await, "OK");
    assert_eq!(peer.ask("NAMES").await, shown);
    assert_eq!(peer.hear().await, "OK");
    assert_eq!(
        peer.ask(format!("STOP {name}")).await,
        format!("* exited {shown} (stopped)")
    );
}

// ---- Time -------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_client_reading_byte_by_byte_times_out() {
    let limit = 30 * SECOND;
    let service = Running::start(Settings {
        send_within: limit,
        ..patient()
    })
    .await;
    let (mut peer, serving) = service.enter_by_pipe(16);
    assert_eq!(peer.ask("CREATE b").await, "OK");
    let put = format!("PUT b k {}", "v".repeat(1_000));
    assert_eq!(peer.ask(put).await, "OK");

    peer.send("GET b k\n").await;
    let start = Instant::now();
    let slow = tokio::spawn(trickle(peer));
    let cut_off = serving.await.unwrap().unwrap_err();
    assert_eq!(cut_off.kind(), io::ErrorKind::TimedOut);
    assert_eq!(start.elapsed().as_secs(), limit.as_secs());
    slow.abort();
}

/// Each command is an attempt of the client to get more time. The time is for the answers that were
/// queued first.
#[tokio::test(start_paused = true)]
async fn commands_do_not_extend_a_watchers_timeout() {
    let service = Running::start(Settings {
        send_within: 30 * SECOND,
        ..patient()
    })
    .await;
    let (mut stuck, serving) = service.enter_by_pipe(16);
    assert_eq!(stuck.ask("WATCH").await, "OK");
    let (mut worker, _) = service.enter_by_pipe(1_024);
    for n in 0..100 {
        assert_eq!(worker.ask(format!("CREATE {n}")).await, "OK");
    }
    let start = Instant::now();
    let sending = tokio::spawn(async move {
        loop {
            stuck.send("\n").await;
            sleep(SECOND).await;
        }
    });
    let cut_off = serving.await.unwrap().unwrap_err();
    assert_eq!(cut_off.kind(), io::ErrorKind::TimedOut);
    assert_eq!(start.elapsed().as_secs(), 30);
    sending.abort();
}

#[tokio::test(start_paused = true)]
async fn silent_clients_time_out_unless_watching() {
    let service = Running::start(Settings {
        idle: 60 * SECOND,
        ..patient()
    })
    .await;
    let (mut watcher, _) = service.enter_by_pipe(1_024);
    assert_eq!(watcher.ask("WATCH").await, "OK");
    let (mut busy, _) = service.enter_by_pipe(1_024);
    let (silent, _) = service.enter_by_pipe(1_024);
    let (half, _) = service.enter_by_pipe(1_024);
    let Client { from, mut to } = half;
    let sending = tokio::spawn(async move {
        // No line is ever completed, so the client counts as silent.
        while tokio::io::AsyncWriteExt::write_all(&mut to, b"x")
            .await
            .is_ok()
        {
            sleep(SECOND).await;
        }
    });
    let start = Instant::now();
    let half = Client {
        from,
        to: Box::new(tokio::io::sink()),
    };
    assert_eq!(half.read_to_the_end().await, [IDLE]);
    assert_eq!(start.elapsed().as_secs(), 60);
    assert_eq!(silent.read_to_the_end().await, [IDLE]);
    sending.abort();

    let (mut busy_too, _) = service.enter_by_pipe(1_024);
    for n in 0..10 {
        sleep(59 * SECOND).await;
        assert_eq!(busy_too.ask(format!("CREATE {n}")).await, "OK");
    }
    assert_eq!(busy.hear().await, IDLE);
    for n in 0..10 {
        assert_eq!(watcher.hear().await, format!("* created {n}"));
    }
}

/// Silent clients take all connections, and another client connects.
#[tokio::test]
async fn silent_clients_do_not_lock_clients_out() {
    const CLIENTS: usize = 20;
    let service = Running::start(Settings {
        clients: CLIENTS,
        idle: Duration::from_millis(1),
        goodbye: Duration::from_millis(1),
        ..patient()
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..CLIENTS {
        silent.push(service.enter().await);
    }
    // The client may time out itself before its command is read, and then reconnects.
    loop {
        let mut next = service.enter().await;
        next.send("NAMES\n").await;
        match &*next.hear().await {
            "OK" => break,
            heard => assert_eq!(heard, IDLE),
        }
    }
    drop(silent);
}

/// An unread listing keeps no connection and does not delay the shutdown.
#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_an_unread_listing() {
    let service = Running::start(patient()).await;
    let (mut worker, _) = service.enter_by_pipe(1 << 16);
    for n in 0..200 {
        assert_eq!(worker.ask(format!("CREATE {n:03}")).await, "OK");
    }
    let (mut deaf, _) = service.enter_by_pipe(16);
    deaf.send("NAMES\n").await;
    let_other_tasks_run().await;
    let start = Instant::now();
    let drained = tokio::spawn(service.drain());
    assert_eq!(worker.read_to_the_end().await, [GOODBYE]);
    drained.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(deaf);
}
