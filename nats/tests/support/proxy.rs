//! A TCP proxy that can cut its connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

/// A proxy on a free loopback port, before a server.
pub(crate) struct Proxy {
    address: SocketAddr,
    cuts: broadcast::Sender<()>,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (cuts, _) = broadcast::channel(1);
        tokio::spawn(accept(listener, port, cuts.clone()));
        Self { address, cuts }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Cuts all connections; what is under way in them is lost.
    pub(crate) fn cut(&self) {
        let _ = self.cuts.send(());
    }
}

async fn accept(listener: TcpListener, port: u16, cuts: broadcast::Sender<()>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let mut cut = cuts.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                _ = forward(client, port) => {}
                _ = cut.recv() => {}
            }
        });
    }
}

async fn forward(mut client: TcpStream, port: u16) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
