create or replace function payments.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    update payments.orders set payer_email = null where workspace_id = workspace and payer_email is not null;
end
$$;
drop table payments.ledger_entry;
drop function payments.check_postings();
drop table payments.invoice_pdf;
drop table payments.invoice;
drop table payments.document_series;
drop table payments.billing_details;
