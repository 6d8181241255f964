//! A process of a scenario.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::server::send_signal;

/// A process that runs this program with other arguments. Dropping it kills the process.
pub(crate) struct Child {
    process: Process,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Child {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program is a file");
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("this program can be started");
        let output = process.stdout.take().expect("it is piped");
        Self {
            input: process.stdin.take(),
            output: BufReader::new(output).lines(),
            process,
        }
    }

    /// Writes a line to the process.
    pub(crate) async fn write(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it was not closed");
        let line = format!("{line}\n");
        input
            .write_all(line.as_bytes())
            .await
            .expect("the process reads");
    }

    /// Waits for the next line of the process.
    pub(crate) async fn read(&mut self) -> String {
        let line = timeout(Duration::from_secs(600), self.output.next_line());
        let line = line.await.expect("the process answers in time");
        line.expect("the pipe is open")
            .expect("the process has not ended")
    }

    pub(crate) fn signal(&self, signal: &str) {
        send_signal(self.process.id().expect("it runs"), signal);
    }

    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.expect("the process is ours");
    }

    /// Closes the input, and waits for the end.
    pub(crate) async fn finish(mut self) {
        self.input = None;
        let status = self.process.wait().await.expect("the process is ours");
        assert!(
            status.success(),
            "a process of the scenario failed: {status}"
        );
    }
}
