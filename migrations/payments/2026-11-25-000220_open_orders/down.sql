drop index concurrently payments.orders_open;
