create or replace function payments.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    update payments.orders set payer_email = null where workspace_id = workspace and payer_email is not null;
    update payments.subscription set contact_email = null where workspace_id = workspace and contact_email is not null;
    delete from payments.billing_details where workspace_id = workspace;
end
$$;
drop table payments.debit;
alter table payments.subscription drop column mandate_id;
alter table payments.orders drop constraint orders_mandate, drop column kind, drop column mandate_id;
drop table payments.mandate;
