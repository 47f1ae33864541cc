alter table identity.profiles drop column welcomed_at;
