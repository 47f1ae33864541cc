drop table payments.debit;
alter table payments.subscription drop column mandate_id;
alter table payments.orders drop constraint orders_mandate, drop column kind, drop column mandate_id;
drop table payments.mandate;
