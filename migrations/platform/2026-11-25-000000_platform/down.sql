drop table mail_outbox;
drop table audit_log;
drop table idempotency_key;
drop table inbox;
drop table outbox_aggregate;
drop table outbox;
drop function notify_outbox();
