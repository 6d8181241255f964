//! The program as a process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::in_time;

/// A running service, killed when dropped.
pub(crate) struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_genevent-web");

/// Returns the command for a program at a free port.
pub(crate) fn command(options: &[&str]) -> Command {
    command_at("127.0.0.1:0", options)
}

/// Returns the command for a program under limits, which are commands of the shell.
pub(crate) fn limited(limits: &str, options: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{limits}; exec \"$@\"");
    command.args(["-c", &script, "sh", PROGRAM, "127.0.0.1:0"]);
    command.args(options);
    command
}

/// Returns an error output that is full.
pub(crate) fn full_output() -> Stdio {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    full.unwrap().into()
}

fn command_at(address: &str, options: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg(address).args(options);
    command
}

impl Program {
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", options).await
    }

    pub(crate) async fn start_at(address: &str, options: &[&str]) -> Self {
        Self::run(command_at(address, options)).await
    }

    pub(crate) async fn run(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        in_time("the address", output.read_line(&mut line))
            .await
            .unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("not started: {line:?}"));
        Self {
            child,
            output,
            address: address.parse().unwrap(),
        }
    }

    /// Starts a program with a mistake, and returns its error message.
    pub(crate) async fn fails_to_start(options: &[&str]) -> String {
        let mut command = command(options);
        let output = command.kill_on_drop(true).output();
        let output = in_time("the end", output).await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Sends ctrl-c.
    pub(crate) async fn interrupt(&self) {
        self.signal("-INT").await;
    }

    pub(crate) async fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let killed = Command::new("kill").args([signal, &id]).status().await;
        assert!(killed.unwrap().success());
    }

    /// Waits for a line of the output.
    pub(crate) async fn says(&mut self, expected: &str) {
        let mut line = String::new();
        in_time(expected, self.output.read_line(&mut line))
            .await
            .unwrap();
        assert_eq!(line.trim(), expected);
    }

    /// Waits for the end, and returns the rest of the output.
    pub(crate) async fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        in_time("the output", self.output.read_to_string(&mut rest))
            .await
            .unwrap();
        let status = in_time("the end", self.child.wait()).await.unwrap();
        (status, rest)
    }

    /// Sends ctrl-c, and returns the report of the drain.
    pub(crate) async fn drain(self) -> String {
        self.interrupt().await;
        self.drained().await
    }

    /// Waits for the end after a signal, and returns the report of the drain.
    pub(crate) async fn drained(self) -> String {
        let (status, said) = self.end().await;
        assert!(status.success(), "{status}: {said}");
        let drained = said.strip_prefix("draining\ndrained: ");
        drained
            .unwrap_or_else(|| panic!("{said}"))
            .trim()
            .to_owned()
    }
}

/// A path for a database, removed when dropped.
pub(crate) struct Path(PathBuf);

impl Path {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("genevent-web-test-{}-{number}.sqlite", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", self.as_str()));
        }
    }
}
