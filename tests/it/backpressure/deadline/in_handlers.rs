//! A publish inside a handler is stored at once, also with a time limit.

use std::sync::mpsc;

use genevent::EventManager;
use tokio::time::Instant;

use super::SECOND;

#[tokio::test(start_paused = true)]
async fn a_limited_publish_inside_a_handler_never_waits() {
    let manager = EventManager::new(1);
    let (tell, told) = mpsc::channel();
    let inside = manager.downgrade();
    let publishing = move |n: &u32| {
        let (manager, tell, first) = (inside.upgrade(), tell.clone(), *n == 1);
        async move {
            let Some(manager) = manager.filter(|_| first) else {
                return;
            };
            manager.try_notify(2).unwrap();
            let stored = manager.notify(3).within(SECOND).await.unwrap();
            let permit = manager.reserve().within(SECOND).await.unwrap();
            tell.send((stored, permit.notify(4))).unwrap();
        }
    };
    manager.add_handler("publishing", publishing).unwrap();
    let start = Instant::now();
    manager.sync_notify(1).await.unwrap();
    manager.flush().await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 0);
    assert_eq!(told.recv().unwrap(), (1, 1));
    assert_eq!(manager.stats().published(), 4);
}
