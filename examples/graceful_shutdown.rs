//! A graceful shutdown: no more events are accepted, all subscribers get some time to finish, and
//! each late subscriber is named, with its source line.

use std::time::Duration;

use genevent::{EventManager, SubscribeOptions};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let manager = EventManager::new(64);
    for (name, millis) in [("quick", 1), ("slow", 60_000)] {
        let mut jobs = manager.subscribe_with(SubscribeOptions::new().name(name));
        tokio::spawn(async move {
            while let Some(job) = jobs.next().await {
                sleep(Duration::from_millis(millis)).await; // the work
                println!("{name} is done with job {job}");
            }
            println!("{name} has read everything");
        });
    }
    for job in 1..=3 {
        manager.notify(job).await.expect("the manager is open");
    }

    let result = manager.stop().within(Duration::from_millis(200)).await;
    let timed_out = result.expect_err("the slow subscriber takes a minute for each job");
    println!("stopping: {timed_out}");
    assert!(manager.is_closed());
    assert_eq!(
        timed_out.waiting_for().len(),
        1,
        "the quick subscriber is done"
    );
    assert_eq!(timed_out.waiting_for()[0].name(), Some("slow"));

    // The owner of the manager decides how to continue. This example disconnects the slow
    // subscriber.
    for stuck in timed_out.waiting_for() {
        let (unread, in_flight) = (stuck.unread(), stuck.unacked());
        println!(
            "{} loses {unread} unread jobs, and {in_flight} in flight",
            stuck.id()
        );
        assert!(manager.disconnect(stuck.id()));
    }
}
