create or replace function onboarding.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    delete from onboarding.draft where workspace_id = workspace;
    delete from onboarding.business_context where workspace_id = workspace;
    delete from onboarding.unlock where workspace_id = workspace;
    delete from onboarding.onboarding where workspace_id = workspace;
end
$$;

drop table onboarding.lease;
drop table onboarding.contact;
drop table onboarding.draft_revision;
drop index onboarding.onboarding_open;
alter table onboarding.onboarding
    drop column reminded,
    drop column schema_version;
