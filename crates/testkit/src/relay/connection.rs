//! One connection through the relay.

use std::{collections::VecDeque, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{Counted, Direction, Mode};

/// Most bytes read at once.
const CHUNK: usize = 16 * 1024;
/// Most chunks that wait in one direction; then the sender waits too.
const WAITING: usize = 256;

/// Passes bytes both ways until both sides have ended or the mode ends it.
pub(super) async fn relay(mut client: TcpStream, target: String, modes: watch::Receiver<Mode>, counted: Counted) {
    let mut target_stream = None;
    let mut end = modes.clone();
    let reset = tokio::select! {
        // Not even one more byte once the mode ends connections.
        biased;
        ended = end.wait_for(|mode| mode.ends_connections()) => ended.is_ok_and(|mode| *mode == Mode::Reset),
        // A side that broke off, or a target that refuses: the other side sees the connection close.
        _ = pass(&mut client, &mut target_stream, &target, modes) => false,
    };
    if reset {
        for stream in std::iter::once(&client).chain(&target_stream) {
            // Closing with a linger time of zero sends RST instead of FIN.
            let _ = stream.set_zero_linger();
        }
    }
    drop((client, target_stream));
    drop(counted);
}

async fn pass(
    client: &mut TcpStream,
    target_stream: &mut Option<TcpStream>,
    target: &str,
    mut modes: watch::Receiver<Mode>,
) -> io::Result<()> {
    if modes.wait_for(|mode| mode.connects()).await.is_err() {
        return Ok(());
    }
    let target = target_stream.insert(TcpStream::connect(target).await?);
    client.set_nodelay(true)?;
    target.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_target, to_target) = target.split();
    tokio::try_join!(
        pump(from_client, to_target, Direction::ToTarget, modes.clone()),
        pump(from_target, to_client, Direction::ToClient, modes.clone()),
    )?;
    Ok(())
}

/// What a pump does next.
enum Step {
    Read(usize),
    Write,
    Look,
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, direction: Direction, mut modes: watch::Receiver<Mode>) -> io::Result<()> {
    let mut waiting: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut buffer = vec![0; CHUNK];
    let mut ended = false;
    while !(ended && waiting.is_empty()) {
        let mode = *modes.borrow_and_update();
        let due = waiting.front().map(|(due, _)| *due);
        let step = tokio::select! {
            // A change of mode goes before bytes that came after it.
            biased;
            changed = modes.changed() => match changed {
                Ok(()) => Step::Look,
                Err(_) => return Ok(()),
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() && mode.passes(direction) => Step::Write,
            read = from.read(&mut buffer), if !ended && waiting.len() < WAITING && mode.passes(direction) => Step::Read(read?),
        };
        match step {
            Step::Look => {}
            Step::Read(0) => ended = true,
            Step::Read(length) => {
                let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                waiting.push_back((Instant::now() + mode.delay(direction), bytes));
            }
            Step::Write => {
                if let Some((_, bytes)) = waiting.pop_front() {
                    to.write_all(&bytes).await?;
                }
            }
        }
    }
    to.shutdown().await
}
