drop table mail_suppression;
drop table mail_event;
alter table mail_outbox drop column delivery_at, drop column delivery;
