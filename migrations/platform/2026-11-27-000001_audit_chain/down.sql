drop function audit_faults();
drop function audit_seal(int);
drop function audit_digest(audit_log, bytea);
drop index audit_log_chain;
alter table audit_log drop column chain, drop column seal_no;
