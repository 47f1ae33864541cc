create or replace function payments.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    update payments.orders set payer_email = null where workspace_id = workspace and payer_email is not null;
    delete from payments.billing_details where workspace_id = workspace;
end
$$;
drop index payments.subscription_due;
create index subscription_period_end on payments.subscription (period_end) where status <> 'expired';
alter table payments.subscription
    drop constraint subscription_next,
    drop column anchor_day,
    drop column next_plan,
    drop column next_cycle,
    drop column next_order_id,
    drop column reminded,
    drop column due_at,
    drop column contact_email;
