//! A headless Chromium, driven by `chromedriver` over its HTTP protocol (`WebDriver`).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as BlockingStream};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};

use crate::client::Client;
use crate::{in_time, until};

/// A browser with a window, ended when dropped.
pub(crate) struct Browser {
    driver: SocketAddr,
    session: String,
    /// The first process of the browser.
    process: u64,
    _driver: Child,
    _turn: MutexGuard<'static, ()>,
}

/// One browser at a time: a browser takes some hundred megabytes.
static TURN: Mutex<()> = Mutex::const_new(());

impl Browser {
    pub(crate) async fn start() -> Self {
        let turn = TURN.lock().await;
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|_| panic!("{INSTALL}"));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = loop {
            let line = in_time("the driver", lines.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("{INSTALL}"));
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        // Without a reader, the driver would wait for its output.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let driver = SocketAddr::from(([127, 0, 0, 1], port));
        // No sandbox: the tests may run as root, where Chromium refuses a sandbox.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=820,700",
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
        } } });
        let answer = call(driver, "POST", "/session", &capabilities).await;
        let session = answer["sessionId"].as_str();
        Self {
            driver,
            session: session
                .unwrap_or_else(|| panic!("{INSTALL}: {answer}"))
                .to_owned(),
            process: answer["capabilities"]["goog:processID"].as_u64().unwrap(),
            _driver: process,
            _turn: turn,
        }
    }

    async fn call(&self, method: &str, command: &str, parameters: &Value) -> Value {
        let path = format!("/session/{}/{command}", self.session);
        call(self.driver, method, &path, parameters).await
    }

    pub(crate) async fn open(&self, url: &str) {
        self.call("POST", "url", &json!({ "url": url })).await;
    }

    pub(crate) async fn reload(&self) {
        self.call("POST", "refresh", &json!({})).await;
    }

    /// Opens another tab in the foreground.
    pub(crate) async fn new_tab(&self) -> String {
        let tab = self
            .call("POST", "window/new", &json!({ "type": "tab" }))
            .await;
        let handle = tab["handle"].as_str().unwrap().to_owned();
        self.switch_to(&handle).await;
        handle
    }

    pub(crate) async fn switch_to(&self, tab: &str) {
        self.call("POST", "window", &json!({ "handle": tab })).await;
    }

    /// Runs a script in the page, and returns its result.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let parameters = json!({ "script": script, "args": [] });
        self.call("POST", "execute/sync", &parameters).await
    }

    /// Waits until the expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        until(expression, async || self.run(&script).await == true).await;
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({selector:?}).textContent");
        self.run(&script).await.as_str().unwrap().to_owned()
    }

    /// Stops all processes of the browser, as when a machine sleeps.
    pub(crate) async fn stand_still(&self) {
        self.signal("-STOP").await;
    }

    pub(crate) async fn go_on(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let command = signal_to_family(signal, self.process);
        assert!(Command::from(command).status().await.unwrap().success());
    }

    /// Returns the picture of the window, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let picture = self.call("GET", "screenshot", &Value::Null).await;
        let engine = base64::engine::general_purpose::STANDARD;
        engine.decode(picture.as_str().unwrap()).unwrap()
    }
}

const INSTALL: &str =
    "no browser: apt-get install -y --no-install-recommends chromium chromium-driver";

async fn call(driver: SocketAddr, method: &str, path: &str, parameters: &Value) -> Value {
    let body = match parameters {
        Value::Null => String::new(),
        parameters => parameters.to_string(),
    };
    let mut client = Client::connect(driver).await;
    let answer = client.request(method, path, &body).await;
    let mut answer = answer.json();
    let value = answer["value"].take();
    assert!(value["error"].is_null(), "{method} {path}: {value}");
    value
}

/// Returns a command with a signal for a process and all its descendants.
fn signal_to_family(signal: &str, process: u64) -> std::process::Command {
    const FAMILY: &str = "
        family=$2 new=$2
        while [ -n \"$new\" ]; do
            new=$(for parent in $new; do pgrep -P $parent; done)
            family=\"$family $new\"
        done
        kill $1 $family";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", FAMILY, "sh", signal, &process.to_string()]);
    command
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test may have failed while the browser stood still.
        let _ = signal_to_family("-CONT", self.process).status();
        // The driver would leave the browser running. Errors are ignored: the driver may be gone.
        let _ = BlockingStream::connect(self.driver).and_then(|mut driver| {
            let (session, host) = (&self.session, self.driver);
            let request = format!("DELETE /session/{session} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            driver.write_all(request.as_bytes())?;
            driver.set_read_timeout(Some(Duration::from_secs(10)))?;
            // The first bytes of the answer: the browser has ended.
            driver.read(&mut [0; 64])
        });
    }
}
