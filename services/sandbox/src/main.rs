//! Stands in for the outside world in development and tests: PhonePe and Resend.

fn main() {}
