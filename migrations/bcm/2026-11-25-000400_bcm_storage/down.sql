drop table bcm.entitlement;
drop table bcm.rebuild_job;
drop table bcm.manifest_head;
drop table bcm.business_context_manifests;
drop table bcm.source_context;
