drop table payments.webhook_receipt;
drop table payments.attempt;
drop table payments.orders;
drop table payments.plan;
