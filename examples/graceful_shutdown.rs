//! Shutting down: nothing more is let in, everybody gets some time to finish, and who did not is
//! named, with the line that subscribed it.

use std::time::Duration;

use futures::StreamExt;
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
        manager.notify(job).await.expect("it is open");
    }

    let late = manager.stop().within(Duration::from_millis(200)).await;
    let late = late.expect_err("one of them takes a minute for each job");
    println!("stopping: {late}");
    assert!(manager.is_closed());
    assert_eq!(late.waiting_for().len(), 1, "the quick one is done");
    assert_eq!(late.waiting_for()[0].name(), Some("slow"));

    // Whoever owns the manager decides what becomes of it: here, it is not waited for.
    for stuck in late.waiting_for() {
        let (unread, in_hand) = (stuck.unread(), stuck.unacked());
        println!(
            "{} loses {unread} jobs, and {in_hand} in its hands",
            stuck.id()
        );
        assert!(manager.disconnect(stuck.id()));
    }
}
