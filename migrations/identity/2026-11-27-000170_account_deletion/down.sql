drop function identity.erase_own(uuid);
drop index identity.audit_log_actor;
drop table identity.account_deletion;
