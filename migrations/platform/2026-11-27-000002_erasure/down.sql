drop function erase_workspace(uuid);
drop table erased_workspace;
