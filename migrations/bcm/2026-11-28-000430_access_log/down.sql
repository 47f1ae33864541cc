create or replace function bcm.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    delete from bcm.rebuild_job where workspace_id = workspace;
    delete from bcm.manifest_head where workspace_id = workspace;
    delete from bcm.business_context_manifests where workspace_id = workspace;
    delete from bcm.source_context where workspace_id = workspace;
    delete from bcm.entitlement where workspace_id = workspace;
end
$$;
drop function bcm.keep_access_log(timestamptz, interval);
drop table bcm.access_log;
