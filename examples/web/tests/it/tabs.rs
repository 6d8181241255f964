//! The pages in a real browser.

use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::browser::Browser;
use crate::client::{Client, Events, place};
use crate::program::{Path, Program};
use crate::until;

/// The numbers of the orders on the page, newest first.
const NUMBERS: &str =
    "[...document.querySelectorAll('#orders li')].map((line) => Number(line.dataset.id))";

/// Waits until the page shows the newest orders up to `newest`, and each of them once.
async fn shows(browser: &Browser, newest: u64) {
    let numbers = format!("return {NUMBERS}");
    let expected: Vec<_> = (newest.saturating_sub(49).max(1)..=newest).rev().collect();
    let expected = json!(expected);
    let deadline = Instant::now() + crate::PATIENCE;
    loop {
        let shown = browser.run(&numbers).await;
        if shown == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{shown} instead of {expected}");
    }
}

/// Opens the page, and follows the customer of its form.
async fn open_and_follow(browser: &Browser, program: &Program) {
    browser.open(&format!("http://{}/", program.address)).await;
    browser
        .run("document.querySelector('#follow button').click()")
        .await;
    browser
        .until("document.querySelector('#customer-state').textContent === 'following ada'")
        .await;
}

#[tokio::test]
async fn the_page_shows_orders_live() {
    let program = Program::start(&["--within", "100"]).await;
    let url = format!("http://{}/", program.address);
    let browser = Browser::start().await;
    browser.open(&url).await;
    browser
        .until("document.querySelector('#state').textContent === 'live'")
        .await;

    // Ordered by the page itself.
    let order = "document.querySelector('#order button').click()";
    browser.run(order).await;
    browser
        .until("document.querySelector('#answer').textContent === '201: event 1: acked by 3'")
        .await;
    shows(&browser, 1).await;
    assert_eq!(browser.text("#orders li").await, "#1 1 × tea for ada");

    // Ordered by other clients, with names like markup.
    let mut client = Client::connect(program.address).await;
    client
        .order("<b>eve</b>", "<img src=x onerror=alert(1)>", 2)
        .await;
    shows(&browser, 2).await;
    assert_eq!(
        browser.text("#orders li").await,
        "#2 2 × <img src=x onerror=alert(1)> for <b>eve</b>"
    );

    // A late kitchen, a refusal by billing, and an error.
    browser
        .run("document.querySelector('#kitchen').click()")
        .await;
    until("the kitchen has a break", async || {
        client.order("eve", "tea", 1).await.status == 202
    })
    .await;
    browser.run(order).await;
    let answer = "document.querySelector('#answer').textContent";
    browser
        .until(&format!("{answer}.endsWith('acked by 2; kitchen is late')"))
        .await;
    browser
        .run("document.querySelector('#kitchen').click()")
        .await;
    until("the kitchen works", async || {
        client.order("eve", "tea", 1).await.status == 201
    })
    .await;
    browser
        .run(&format!(
            "document.querySelector('#order [name=quantity]').value = 21; {order}"
        ))
        .await;
    browser
        .until(&format!(
            "{answer}.includes('billing failed: ada has credit for 20')"
        ))
        .await;
}

#[tokio::test]
async fn the_page_follows_a_customer() {
    let program = Program::start(&[]).await;
    let browser = Browser::start().await;
    open_and_follow(&browser, &program).await;
    place(program.address, "eve", 1, "tea").await;
    place(program.address, "ada", 1, "soup").await;
    browser
        .until("document.querySelector('#customer-orders li')")
        .await;
    assert_eq!(
        browser.text("#customer-orders").await,
        "#2 1 × soup for ada"
    );

    // The farewell, over both connections.
    program.drain().await;
    let closed = "closed: the service is shutting down";
    browser
        .until(&format!(
            "document.querySelector('#customer-state').textContent === '{closed}'"
        ))
        .await;
    let waiting = "waiting: the service is shutting down";
    browser
        .until(&format!(
            "document.querySelector('#state').textContent === '{waiting}'"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_resumes_without_gap_or_duplicate() {
    let program = Program::start(&["--retain", "20"]).await;
    let address = program.address;
    let browser = Browser::start().await;
    browser.open(&format!("http://{address}/")).await;
    // Orders arrive all the time.
    let (stop, stopped) = watch::channel(false);
    let orders = tokio::spawn(async move {
        let mut client = Client::connect(address).await;
        let mut orders = 0;
        while !*stopped.borrow() || orders < 100 {
            assert_eq!(client.order("ada", "tea", 1).await.status, 201);
            orders += 1;
        }
        orders
    });
    for _ in 0..8 {
        browser.reload().await;
        browser.until(&format!("{NUMBERS}.length > 2")).await;
        let numbers = browser.run(&format!("return {NUMBERS}")).await;
        let numbers: Vec<u64> = serde_json::from_value(numbers).unwrap();
        let gap = numbers.windows(2).find(|pair| pair[0] != pair[1] + 1);
        assert_eq!(gap, None, "{numbers:?}");
    }
    stop.send_replace(true);
    shows(&browser, orders.await.unwrap()).await;
}

#[tokio::test]
async fn a_page_that_was_left_goes_on_when_the_user_comes_back() {
    let program = Program::start(&[]).await;
    let browser = Browser::start().await;
    browser.open(&format!("http://{}/", program.address)).await;
    place(program.address, "ada", 2, "tea").await;
    shows(&browser, 2).await;
    browser
        .run("document.querySelector('#orders').lastChild.textContent = 'seen before'")
        .await;
    // The browser keeps the page in memory, without another request or another run of the scripts.
    browser
        .run("document.querySelector('header a').click()")
        .await;
    browser.until("location.pathname === '/stats'").await;
    place(program.address, "ada", 2, "tea").await;
    browser.run("history.back()").await;
    browser.until("location.pathname === '/'").await;
    shows(&browser, 4).await;
    assert_eq!(browser.text("#orders li:last-child").await, "seen before");
    place(program.address, "ada", 1, "tea").await;
    shows(&browser, 5).await;
}

#[tokio::test]
async fn a_page_survives_restarts_of_the_service() {
    let path = Path::new();
    let options = ["--database", path.as_str()];
    let program = Program::start(&options).await;
    let address = program.address.to_string();
    let browser = Browser::start().await;
    browser.open(&format!("http://{address}/")).await;
    place(program.address, "ada", 10, "tea").await;
    shows(&browser, 10).await;
    // The page is not replaced, only continued.
    browser
        .run("document.querySelector('#orders').lastChild.textContent = 'seen before'")
        .await;
    program.drain().await;
    let program = Program::start_at(&address, &options).await;
    place(program.address, "ada", 10, "tea").await;
    shows(&browser, 20).await;
    // Killed, without a farewell.
    drop(program);
    let program = Program::start_at(&address, &options).await;
    place(program.address, "ada", 10, "tea").await;
    shows(&browser, 30).await;
    assert_eq!(browser.text("#orders li:last-child").await, "seen before");
    program.drain().await;

    // Another database: the page starts over.
    let program = Program::start_at(&address, &[]).await;
    place(program.address, "ada", 3, "tea").await;
    shows(&browser, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_clients_five_of_them_tabs_see_every_order() {
    const ORDERS: u64 = 300;
    let program = Program::start(&["--window", "512"]).await;
    let address = program.address;
    let url = format!("http://{address}/");
    let browser = Browser::start().await;
    let mut tabs = Vec::new();
    // Five: a browser has six connections to a host, and the scripts need the sixth.
    for _ in 0..5 {
        tabs.push(browser.new_tab().await);
        browser.open(&url).await;
    }
    let mut clients = Vec::new();
    for _ in 0..95 {
        let mut events = Events::connect(address, "").await;
        clients.push(tokio::spawn(async move {
            events.starts_over().await;
            events.orders(1, ORDERS).await;
        }));
    }
    let mut client = Client::connect(address).await;
    until("a hundred subscribers", async || {
        client
            .get("/stats.txt")
            .await
            .contains("\n100 subscribers:")
    })
    .await;
    place(address, "ada", ORDERS, "tea").await;
    for client in clients {
        client.await.unwrap();
    }
    for tab in tabs {
        browser.switch_to(&tab).await;
        shows(&browser, ORDERS).await;
    }
    let drained = program.drain().await;
    assert!(drained.contains("; 0 browsers cut off"), "{drained}");
}

#[tokio::test]
async fn a_browser_that_stands_still_is_cut_off_delays_no_order_and_resumes() {
    let program = Program::start(&["--grace", "100", "--within", "5000"]).await;
    let address = program.address;
    let browser = Browser::start().await;
    browser.open(&format!("http://{address}/")).await;
    place(address, "ada", 10, "tea").await;
    shows(&browser, 10).await;

    browser.stand_still().await;
    let mut client = Client::connect(address).await;
    let item = "🍵".repeat(200);
    let mut newest = 10;
    until("the browser is cut off", async || {
        // Each is answered with 201, in time.
        place(address, "ada", 100, &item).await;
        newest += 100;
        !client.get("/stats.txt").await.contains("\"browser ")
    })
    .await;
    browser.go_on().await;
    shows(&browser, newest).await;
    place(address, "ada", 1, "tea").await;
    shows(&browser, newest + 1).await;
    let drained = program.drain().await;
    assert!(drained.contains("1 browsers cut off"), "{drained}");
}

#[tokio::test]
async fn the_stats_are_drawn_live() {
    let program = Program::start(&["--within", "50"]).await;
    let browser = Browser::start().await;
    browser
        .open(&format!("http://{}/stats", program.address))
        .await;
    let published = |n: u32| {
        format!(
            "document.querySelector('#text').textContent.startsWith('\"orders\": {n} published')"
        )
    };
    browser.until(&published(0)).await;
    let mut client = Client::connect(program.address).await;
    client.kitchen(false).await;
    client.order("ada", "tea", 1).await;
    browser.until(&published(1)).await;
    browser
        .until("document.querySelector('#drawing').naturalWidth === 760")
        .await;
    let svg = client.get("/stats.svg").await;
    assert!(
        svg.contains(">#2 kitchen: 0 of 256 unread, 1 in flight<"),
        "{svg}"
    );
    let dot = client.get("/stats/orders.dot").await;
    assert!(dot.starts_with("digraph genevent {"), "{dot}");
}

/// Takes the picture of README: `GENEVENT_WEB_PICTURE=orders.png cargo test -p genevent-web picture`
/// writes it to `examples/web/orders.png`.
#[tokio::test]
async fn the_page_looks_as_in_the_picture() {
    let program = Program::start(&["--within", "300"]).await;
    let browser = Browser::start().await;
    open_and_follow(&browser, &program).await;
    for (customer, item) in [
        ("ada", "tea"),
        ("bob", "soup"),
        ("eve", "cake"),
        ("ada", "toast"),
    ] {
        place(program.address, customer, 1, item).await;
    }
    browser
        .until("document.querySelectorAll('#customer-orders li').length === 2")
        .await;
    let mut client = Client::connect(program.address).await;
    client.kitchen(false).await;
    browser
        .run("document.querySelector('#kitchen').checked = false")
        .await;
    browser
        .run("document.querySelector('#order button').click()")
        .await;
    browser
        .until("document.querySelector('#answer').textContent.includes('kitchen is late')")
        .await;
    let picture = browser.picture().await;
    assert!(
        picture.starts_with(b"\x89PNG") && picture.len() < 60_000,
        "{}",
        picture.len()
    );
    if let Ok(path) = std::env::var("GENEVENT_WEB_PICTURE") {
        std::fs::write(path, picture).unwrap();
    }
}
