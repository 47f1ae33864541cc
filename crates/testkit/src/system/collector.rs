//! A collector of traces that takes everything and keeps nothing.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

#[derive(Debug)]
pub(super) struct Collector {
    address: SocketAddr,
    exports: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Collector {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, exports) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (mut serving, counted) = (JoinSet::new(), exports.clone());
        serving.spawn(async move {
            let mut clients = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((client, _)) = listener.accept() => { clients.spawn(serve(client, counted.clone())); }
                    Some(_) = clients.join_next(), if !clients.is_empty() => {}
                }
            }
        });
        Self { address, exports, _serving: serving }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn exports(&self) -> usize {
        self.exports.load(Ordering::Relaxed)
    }
}

/// Answers every request of a connection with 200 and no body.
async fn serve(client: TcpStream, exports: Arc<AtomicUsize>) {
    let mut client = BufReader::new(client);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            match client.read_line(&mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) if line.trim().is_empty() => break,
                Ok(_) => {}
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        if client.read_exact(&mut body).await.is_err() {
            return;
        }
        exports.fetch_add(1, Ordering::Relaxed);
        if client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
            return;
        }
    }
}
