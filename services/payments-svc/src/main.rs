//! Plans, orders, PhonePe, subscriptions.

fn main() {}
