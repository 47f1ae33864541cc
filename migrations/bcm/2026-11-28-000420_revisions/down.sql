drop function bcm.drop_old_versions(int, timestamptz, int);
drop index bcm.business_context_manifests_checksum;
drop index bcm.business_context_manifests_created;
drop table bcm.manifest_alias;
drop trigger count_head_move on bcm.manifest_head;
drop function bcm.count_head_move();
alter table bcm.manifest_head drop column generation;
