//! A nats-server of the test's own.

#![allow(dead_code, reason = "each program uses a part of it")]

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A server on a free loopback port, with a store of its own. Dropping it ends the server and removes
/// the store.
pub(crate) struct Server {
    port: u16,
    folder: PathBuf,
    configuration: String,
    process: Option<Child>,
}

static FOLDERS: AtomicU32 = AtomicU32::new(0);

impl Server {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// Starts a server with lines of configuration of its own.
    pub(crate) fn with(configuration: &str) -> Self {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("genevent-nats-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let mut server = Self {
            port: free_port(),
            folder,
            configuration: configuration.to_owned(),
            process: None,
        };
        server.restart();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends the server at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts the server again on the same port and store.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let file = self.folder.join("server.conf");
        let store = self.folder.join("store");
        let mut written = std::fs::File::create(&file).expect("the temporary folder is writable");
        writeln!(
            written,
            "listen: \"127.0.0.1:{}\"\njetstream {{ store_dir: {} }}\n{}",
            self.port,
            quoted(&store),
            self.configuration
        )
        .expect("the temporary folder is writable");
        let log = std::fs::File::create(self.folder.join("log")).expect("it is writable");
        let process = Command::new("nats-server")
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|_| {
                panic!("these tests need nats-server in the PATH: apt-get install nats-server")
            });
        self.process = Some(process);
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        let end = Instant::now() + Duration::from_secs(20);
        let log = self.folder.join("log");
        while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains("Server is ready")) {
            let process = self.process.as_mut().expect("it was started");
            let exited = process.try_wait().expect("the server is our child");
            assert!(
                exited.is_none() && Instant::now() < end,
                "nats-server did not start: {}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends the server a signal, such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it was started");
        send_signal(process.id(), signal);
    }
}

/// Sends a process a signal.
pub(crate) fn send_signal(process: u32, signal: &str) {
    let kill = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(process.to_string())
        .status();
    assert!(kill.expect("kill is installed").success());
    while signal == "STOP" && !is_stopped(process) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns whether all threads of a process have stopped, which takes time on a busy machine. Systems
/// without `/proc` cannot tell.
fn is_stopped(process: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        let status = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let state = status.rsplit(") ").next().unwrap_or_default();
        state.starts_with('T')
    })
}

fn quoted(path: &std::path::Path) -> String {
    format!("\"{}\"", path.display())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
