-- What is measured every ten seconds: how many orders wait to be paid, and since when. The table keeps every order for years.
create index concurrently orders_open on payments.orders (state, created_at) where state in ('created', 'pending');
