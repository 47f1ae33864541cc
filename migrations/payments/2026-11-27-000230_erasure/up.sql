-- Orders and subscriptions are kept, as the law asks; the payer's address is not.
create function payments.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    update payments.orders set payer_email = null where workspace_id = workspace and payer_email is not null;
end
$$;
revoke execute on function payments.erase_own(uuid) from public;
