//! Plans, orders, PhonePe, subscriptions.
