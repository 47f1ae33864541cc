//! Places where a crash test lets a process die. They exist in builds with the feature `kill-points` only; in every
//! other build [`kill_point!`](crate::kill_point!) is nothing at all.
//!
//! `GROUNDWORK_KILL_POINT=K3` aborts the process at its first passage of K3, `K3:5` at the fifth: like `kill -9`,
//! nothing unwinds and nothing is flushed.

#[cfg(all(feature = "kill-points", not(debug_assertions)))]
compile_error!("kill points are for crash tests: no release build may have them");

/// Dies here when the environment names this point. With `after_ms` the death comes so much later, while this thread
/// goes no further: time for what was handed to another thread to leave the process.
#[cfg(feature = "kill-points")]
#[macro_export]
macro_rules! kill_point {
    ($name:literal) => {
        $crate::kill_point::reached($name, 0);
    };
    ($name:literal, after_ms = $after_ms:literal) => {
        $crate::kill_point::reached($name, $after_ms);
    };
}

/// A place where a crash test would let the process die; this build has none.
#[cfg(not(feature = "kill-points"))]
#[macro_export]
macro_rules! kill_point {
    ($($point:tt)*) => {};
}

/// Aborts when the environment names the point called `name` and this is the passage it names.
#[cfg(feature = "kill-points")]
#[expect(clippy::disallowed_methods, reason = "no setting of a service: plain builds do not know it")]
pub fn reached(name: &str, after_ms: u64) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    static ARMED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSAGES: AtomicU32 = AtomicU32::new(0);

    let armed = ARMED.get_or_init(|| {
        let point = std::env::var("GROUNDWORK_KILL_POINT").ok()?;
        let (name, passage) = point.split_once(':').unwrap_or((&point, "1"));
        Some((name.to_owned(), passage.parse().unwrap_or(1)))
    });
    if let Some((_, passage)) = armed.as_ref().filter(|(armed, _)| armed == name)
        && PASSAGES.fetch_add(1, Ordering::SeqCst) + 1 == *passage
    {
        std::thread::sleep(std::time::Duration::from_millis(after_ms));
        eprintln!("kill point {name}");
        std::process::abort();
    }
}
