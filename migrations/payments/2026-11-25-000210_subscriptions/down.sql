drop table payments.subscription;
