drop table payments.refund;
