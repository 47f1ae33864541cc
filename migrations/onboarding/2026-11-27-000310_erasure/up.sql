create function onboarding.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    delete from onboarding.draft where workspace_id = workspace;
    delete from onboarding.business_context where workspace_id = workspace;
    delete from onboarding.unlock where workspace_id = workspace;
    delete from onboarding.onboarding where workspace_id = workspace;
end
$$;
revoke execute on function onboarding.erase_own(uuid) from public;
