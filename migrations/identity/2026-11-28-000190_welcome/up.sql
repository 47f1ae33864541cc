-- When a person was welcomed by mail. Who has been here before is not welcomed anew.
alter table identity.profiles add column welcomed_at timestamptz;
update identity.profiles set welcomed_at = created_at;
