//! The generator: a fixed number of kept-alive connections, all in one task.

use std::{net::SocketAddr, time::Duration};

use anyhow::bail;
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep_until};

use crate::{
    http::{Answer, Connection},
    statistics::quantile,
};

/// What one connection sends.
pub trait Client {
    /// The next request.
    fn request(&mut self) -> &[u8];

    /// Is shown the answer; says whether it is the one that is measured.
    fn answered(&mut self, answer: &Answer<'_>) -> bool;
}

/// Sends the same request again and again.
pub struct Same {
    request: Vec<u8>,
    status: u16,
}

impl Same {
    /// A request whose answer must have this status.
    pub const fn new(request: Vec<u8>, status: u16) -> Self {
        Self { request, status }
    }
}

impl Client for Same {
    fn request(&mut self) -> &[u8] {
        &self.request
    }

    fn answered(&mut self, answer: &Answer<'_>) -> bool {
        answer.status == self.status
    }
}

/// How long, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Not counted.
    pub warm: Duration,
    /// Counted.
    pub measured: Duration,
    /// Requests a second of all connections together; without it, as many as are answered.
    pub pace: Option<f64>,
}

impl Plan {
    /// As many as are answered, for so long; a fifth of it, at least half a second, comes before to warm up.
    pub fn full(seconds: u64) -> Self {
        let measured = Duration::from_secs(seconds);
        Self { warm: (measured / 5).max(Duration::from_millis(500)), measured, pace: None }
    }
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct Load {
    /// Answers a second in the measured time.
    pub per_second: f64,
    /// All answers, with those of the warm-up.
    pub answers: u32,
    latencies_ms: Vec<f64>,
}

impl Load {
    /// The latency in milliseconds below which this share of the answers came, from the moment they were due.
    pub fn latency_ms(&self, share: f64) -> f64 {
        quantile(&self.latencies_ms, share).unwrap_or(f64::NAN)
    }
}

/// Runs all clients at once, each on a connection of its own.
///
/// # Errors
/// When a connection breaks, or an answer is not the one that is measured.
pub async fn run<C: Client>(to: SocketAddr, clients: &mut [C], plan: Plan) -> anyhow::Result<Load> {
    let count = u32::try_from(clients.len())?;
    let begun = Instant::now();
    let (from, to_end) = (begun + plan.warm, begun + plan.warm + plan.measured);
    let each = plan.pace.map(|pace| Duration::from_secs_f64(f64::from(count) / pace));
    let connections = clients.iter_mut().zip(0_u32..).map(|(client, number)| async move {
        let mut connection = Connection::open(to).await?;
        let (mut answers, mut latencies) = (0_u32, Vec::new());
        let mut due = each.map(|each| begun + each * number / count.max(1));
        loop {
            let now = Instant::now();
            let at = match due {
                Some(at) if at >= to_end => break,
                Some(at) => {
                    sleep_until(at).await;
                    due = each.map(|each| at + each);
                    at
                }
                None if now >= to_end => break,
                None => now,
            };
            let answer = connection.exchange(client.request()).await?;
            let done = Instant::now();
            if !client.answered(&answer) {
                bail!("an answer that is not the one measured: {}\n{}", answer.head, String::from_utf8_lossy(answer.body));
            }
            answers += 1;
            if done >= from && (done < to_end || due.is_some()) {
                latencies.push((done - at).as_secs_f64() * 1000.0);
            }
        }
        Ok((answers, latencies))
    });
    let results = try_join_all(connections).await?;
    let answers = results.iter().map(|(answers, _)| answers).sum();
    let mut latencies_ms: Vec<f64> = results.into_iter().flat_map(|(_, latencies)| latencies).collect();
    latencies_ms.sort_by(f64::total_cmp);
    let counted = f64::from(u32::try_from(latencies_ms.len())?);
    Ok(Load { per_second: counted / plan.measured.as_secs_f64(), answers, latencies_ms })
}

/// Measures two sides in turn, `pairs` times, and begins with the other one each time.
///
/// # Errors
/// Those of the sides.
pub async fn alternate(
    pairs: u32,
    mut ours: impl AsyncFnMut() -> anyhow::Result<f64>,
    mut baseline: impl AsyncFnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        if pair % 2 == 0 {
            a.push(ours().await?);
            b.push(baseline().await?);
        } else {
            b.push(baseline().await?);
            a.push(ours().await?);
        }
    }
    Ok((a, b))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn sides_take_turns_at_going_first() {
        let order = RefCell::new(String::new());
        let side = async |name: char| {
            order.borrow_mut().push(name);
            Ok(1.0)
        };
        let (ours, baseline) = alternate(3, async || side('A').await, async || side('B').await).await.unwrap();
        assert_eq!(*order.borrow(), "ABBAAB");
        assert_eq!((ours.len(), baseline.len()), (3, 3));
    }
}
