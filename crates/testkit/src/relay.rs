//! A TCP relay that misbehaves on demand: it stands between a process and what the process depends on.

mod connection;

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::ports::free_ports;

/// What a relay does with connections and their bytes. A change holds for those that are open already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything.
    Pass,
    /// Closes what is open and does not listen: a new connection is refused.
    Cut,
    /// Every answer comes this much later; the order stays.
    Slow(Duration),
    /// Accepts and passes nothing. What was sent meanwhile arrives when the relay passes again.
    Hang,
    /// Ends every connection with a reset, new ones as soon as they are accepted.
    Reset,
    /// Passes nothing in one direction, as a half-open connection or a one-way partition does.
    OneWay {
        /// The direction in which nothing arrives.
        silent: Direction,
    },
}

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to what it depends on.
    ToTarget,
    /// Back to the client.
    ToClient,
}

impl Mode {
    fn passes(self, direction: Direction) -> bool {
        match self {
            Self::Pass | Self::Slow(_) => true,
            Self::Cut | Self::Hang | Self::Reset => false,
            Self::OneWay { silent } => silent != direction,
        }
    }

    fn delay(self, direction: Direction) -> Duration {
        match (self, direction) {
            (Self::Slow(delay), Direction::ToClient) => delay,
            _ => Duration::ZERO,
        }
    }

    /// A connection opened in this mode may reach the target.
    const fn connects(self) -> bool {
        !matches!(self, Self::Hang | Self::Cut | Self::Reset)
    }

    const fn ends_connections(self) -> bool {
        matches!(self, Self::Cut | Self::Reset)
    }
}

/// A running relay; it ends, with its connections, when the value is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    targets: watch::Sender<Vec<String>>,
    listens: watch::Receiver<bool>,
    open: watch::Receiver<usize>,
    /// Never joined: dropping it ends the relay.
    _accepting: JoinSet<()>,
}

impl Relay {
    /// Listens on `port` of the loopback address (0: any free one) and passes everything to `target`, a `host:port`.
    ///
    /// # Panics
    /// When the port is taken.
    pub async fn start(port: u16, target: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap_or_else(|error| panic!("a relay on port {port}: {error}"));
        let address = listener.local_addr().unwrap();
        let (mode, modes) = watch::channel(Mode::Pass);
        let (listening, listens) = watch::channel(true);
        let (opened, open) = watch::channel(0);
        let (targets, aims) = watch::channel(vec![target.to_owned()]);
        let mut accepting = JoinSet::new();
        accepting.spawn(serve(Serving { listener: Some(listener), address, aims, modes, listening, opened }));
        Self { address, mode, targets, listens, open, _accepting: accepting }
    }

    /// From now on new connections go to these, one after the other, as before a balancer. Open ones stay where they are.
    ///
    /// # Panics
    /// When there are none.
    pub fn aim(&self, targets: Vec<String>) {
        assert!(!targets.is_empty(), "a relay needs a target");
        self.targets.send_replace(targets);
    }

    /// A relay on a free port before what `url` names, and the URL that leads through it.
    ///
    /// # Panics
    /// When the URL names no port.
    pub async fn before(url: &str) -> (Self, String) {
        let target = url::Url::parse(url).unwrap();
        let port = target.port_or_known_default().unwrap_or_else(|| panic!("{} names no port", target.scheme()));
        let [own] = free_ports();
        let relay = Self::start(own, &format!("{}:{port}", target.host_str().unwrap())).await;
        let through = relay.through(url);
        (relay, through)
    }

    /// The same URL with this relay's address.
    ///
    /// # Panics
    /// When it is no URL with a host.
    pub fn through(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.into()
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        *self.open.borrow()
    }

    /// Changes what it does. Returns when a new connection meets the new mode, and, where the mode ends connections,
    /// when the old ones have ended.
    ///
    /// # Panics
    /// When the relay has ended, which it never does before it is dropped.
    pub async fn set(&self, mode: Mode) {
        self.mode.send(mode).expect("a relay runs until it is dropped");
        let listens = mode != Mode::Cut;
        self.listens.clone().wait_for(|is| *is == listens).await.expect("a relay runs until it is dropped");
        if mode.ends_connections() {
            self.open.clone().wait_for(|open| *open == 0).await.expect("a relay runs until it is dropped");
        }
    }
}

struct Serving {
    /// Absent while the relay is cut.
    listener: Option<TcpListener>,
    address: SocketAddr,
    aims: watch::Receiver<Vec<String>>,
    modes: watch::Receiver<Mode>,
    listening: watch::Sender<bool>,
    opened: watch::Sender<usize>,
}

/// What wakes the relay.
enum Wake {
    Accepted(io::Result<(TcpStream, SocketAddr)>),
    Ended,
    Changed,
}

async fn serve(mut serving: Serving) {
    let mut connections = JoinSet::new();
    let mut accepted_before = 0;
    loop {
        let cut = *serving.modes.borrow_and_update() == Mode::Cut;
        match (serving.listener.is_some(), cut) {
            (true, true) => serving.listener = None,
            (false, false) => match TcpListener::bind(serving.address).await {
                Ok(listener) => serving.listener = Some(listener),
                // Something took the port meanwhile: the only way is to wait for it.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
            _ => {}
        }
        serving.listening.send_replace(serving.listener.is_some());
        if serving.listener.is_none() && !cut {
            continue;
        }
        let wake = tokio::select! {
            accepted = accept(serving.listener.as_ref()) => Wake::Accepted(accepted),
            Some(_) = connections.join_next(), if !connections.is_empty() => Wake::Ended,
            changed = serving.modes.changed() => match changed {
                Ok(()) => Wake::Changed,
                Err(_) => return,
            },
        };
        if let Wake::Accepted(Ok((client, _))) = wake {
            serving.opened.send_modify(|open| *open += 1);
            let target = serving.aims.borrow().iter().cycle().nth(accepted_before).cloned().unwrap_or_default();
            accepted_before = (accepted_before + 1) % serving.aims.borrow().len();
            connections.spawn(connection::relay(client, target, serving.modes.clone(), Counted(serving.opened.clone())));
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// One open connection in the count.
#[derive(Debug)]
struct Counted(watch::Sender<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}
