//! What a process sees through the relay in each mode.

use std::{io::ErrorKind, time::Duration};

use testkit::relay::{Direction, Mode, Relay};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout},
};

/// Long enough for the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long silence has to last.
const SILENCE: Duration = Duration::from_millis(400);

/// A server that says everything again, and a relay before it.
struct Rig {
    relay: Relay,
    target: String,
    _echo: JoinSet<()>,
}

impl Rig {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let mut echo = JoinSet::new();
        echo.spawn(async move {
            let mut clients = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                clients.spawn(async move {
                    let (mut from, mut to) = client.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        Self { relay: Relay::start(0, &target).await, target, _echo: echo }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.relay.address()).await.unwrap()
    }
}

async fn say(stream: &mut TcpStream, word: &[u8; 4]) {
    stream.write_all(word).await.unwrap();
}

async fn hear(stream: &mut TcpStream) -> [u8; 4] {
    let mut word = [0; 4];
    timeout(PATIENCE, stream.read_exact(&mut word)).await.expect("nothing came").unwrap();
    word
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    timeout(SILENCE, stream.peek(&mut byte)).await.is_err()
}

/// How an open connection ended: `None` for an orderly close.
async fn end_of(stream: &mut TcpStream) -> Option<ErrorKind> {
    let mut byte = [0];
    match timeout(PATIENCE, stream.read(&mut byte)).await.expect("the connection stays open") {
        Ok(0) => None,
        Ok(_) => panic!("there were bytes left"),
        Err(error) => Some(error.kind()),
    }
}

#[tokio::test]
async fn passing_hands_on_everything_in_order() {
    let rig = Rig::start().await;
    let mut stream = rig.connect().await;
    let sent: Vec<u8> = (0..1_000_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
    let (mut from, mut to) = stream.split();
    let mut received = vec![0; sent.len()];
    let (written, read) = tokio::join!(to.write_all(&sent), timeout(PATIENCE, from.read_exact(&mut received)));
    written.unwrap();
    read.expect("not everything came").unwrap();
    assert!(received == sent);
    assert_eq!(rig.relay.connections(), 1);
}

#[tokio::test]
async fn a_cut_closes_what_is_open_and_refuses_what_comes_until_it_passes_again() {
    let rig = Rig::start().await;
    let mut stream = rig.connect().await;
    say(&mut stream, b"here").await;
    assert_eq!(&hear(&mut stream).await, b"here");
    rig.relay.set(Mode::Cut).await;
    assert_eq!(end_of(&mut stream).await, None);
    let refused = TcpStream::connect(rig.relay.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    rig.relay.set(Mode::Pass).await;
    let mut stream = rig.connect().await;
    say(&mut stream, b"back").await;
    assert_eq!(&hear(&mut stream).await, b"back");
}

#[tokio::test]
async fn a_slow_relay_delays_answers_without_holding_up_what_follows() {
    let rig = Rig::start().await;
    let mut stream = rig.connect().await;
    let delay = Duration::from_millis(500);
    rig.relay.set(Mode::Slow(delay)).await;
    let begun = Instant::now();
    for word in [b"one.", b"two.", b"tri."] {
        say(&mut stream, word).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(&hear(&mut stream).await, b"one.");
    assert!(begun.elapsed() >= delay, "it came after {:?}", begun.elapsed());
    assert_eq!(&hear(&mut stream).await, b"two.");
    assert_eq!(&hear(&mut stream).await, b"tri.");
    assert!(begun.elapsed() < 3 * delay, "one waited for another: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_hanging_relay_accepts_and_passes_nothing_until_it_passes_again() {
    let rig = Rig::start().await;
    let mut open = rig.connect().await;
    say(&mut open, b"one.").await;
    assert_eq!(&hear(&mut open).await, b"one.");
    rig.relay.set(Mode::Hang).await;
    let mut fresh = rig.connect().await;
    for stream in [&mut open, &mut fresh] {
        say(stream, b"two.").await;
        assert!(is_silent(stream).await);
    }
    rig.relay.set(Mode::Pass).await;
    for stream in [&mut open, &mut fresh] {
        assert_eq!(&hear(stream).await, b"two.");
    }
}

#[tokio::test]
async fn a_resetting_relay_ends_old_and_new_connections_with_a_reset() {
    let rig = Rig::start().await;
    let mut open = rig.connect().await;
    say(&mut open, b"here").await;
    assert_eq!(&hear(&mut open).await, b"here");
    rig.relay.set(Mode::Reset).await;
    assert_eq!(end_of(&mut open).await, Some(ErrorKind::ConnectionReset));
    match TcpStream::connect(rig.relay.address()).await {
        Ok(mut fresh) => assert_eq!(end_of(&mut fresh).await, Some(ErrorKind::ConnectionReset)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

#[tokio::test]
async fn a_one_way_relay_is_silent_in_one_direction_only() {
    let rig = Rig::start().await;
    for silent in [Direction::ToTarget, Direction::ToClient] {
        rig.relay.set(Mode::Pass).await;
        let mut stream = rig.connect().await;
        say(&mut stream, b"one.").await;
        assert_eq!(&hear(&mut stream).await, b"one.");
        rig.relay.set(Mode::OneWay { silent }).await;
        say(&mut stream, b"two.").await;
        assert!(is_silent(&mut stream).await, "{silent:?}");
        rig.relay.set(Mode::Pass).await;
        assert_eq!(&hear(&mut stream).await, b"two.");
    }
}

#[tokio::test]
async fn a_url_leads_through_the_relay_with_everything_else_unchanged() {
    let (relay, through) = Relay::before("amqp://user:secret@127.0.0.1:5672/vhost?heartbeat=20").await;
    assert_eq!(through, format!("amqp://user:secret@127.0.0.1:{}/vhost?heartbeat=20", relay.address().port()));
}

#[tokio::test]
async fn new_connections_go_to_the_targets_in_turn_and_open_ones_stay() {
    let (first, second) = (Rig::start().await, Rig::start().await);
    // The second is reached through a relay of its own, which counts.
    let through_second = second.relay.address().to_string();
    let direct = first.target.clone();
    let mut old = first.connect().await;
    say(&mut old, b"open").await;
    assert_eq!(&hear(&mut old).await, b"open");
    first.relay.aim(vec![direct.clone(), through_second.clone()]);
    let mut both = Vec::new();
    for _ in 0..4 {
        let mut stream = first.connect().await;
        say(&mut stream, b"turn").await;
        assert_eq!(&hear(&mut stream).await, b"turn");
        both.push(stream);
    }
    assert_eq!(second.relay.connections(), 2, "every other one");
    first.relay.aim(vec![direct]);
    let mut only = first.connect().await;
    say(&mut only, b"only").await;
    assert_eq!(&hear(&mut only).await, b"only");
    assert_eq!(second.relay.connections(), 2, "it was taken out, and keeps what it has");
    say(&mut old, b"stay").await;
    assert_eq!(&hear(&mut old).await, b"stay");
}
