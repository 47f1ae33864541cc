-- The two questions that every policy and every write ask, with plans that last as long as the connection: a function in SQL
-- is parsed and planned anew by every statement that calls it, which took ten times as long as the answer.
create or replace function identity.my_workspace_ids() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
    return query
    select m.workspace_id
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id and w.deleted_at is null
    where m.user_id = (select auth.uid());
end
$$;

create or replace function identity.member_role(workspace uuid, "user" uuid) returns text
language plpgsql stable security definer set search_path = '' as $$
begin
    return (
        select m.role
        from identity.memberships m
        join identity.workspaces w on w.id = m.workspace_id and w.deleted_at is null
        where m.workspace_id = workspace
          and m.user_id = "user"
          and (current_setting('role') is distinct from 'authenticated'
               or m.user_id = auth.uid()
               or exists (select from identity.memberships mine
                          where mine.workspace_id = m.workspace_id and mine.user_id = auth.uid())));
end
$$;

-- Everything that the gate shows to a user, in one round trip and by the user's own rights: of the workspace `named`, or of
-- the oldest one. `claims` are those of a verified token. An order is open while it can be paid, and, if it was confirmed
-- after `confirmed_since`, until its subscription's event arrives: the two come by different ways.
create function identity.read_gate(claims text, caller uuid, named uuid, confirmed_since timestamptz)
returns table (profile jsonb, workspaces jsonb, subscription jsonb, open_order jsonb, onboarding jsonb, manifest jsonb)
language plpgsql volatile set search_path = '' as $$
#variable_conflict use_column
declare
    mine jsonb;
    chosen uuid;
begin
    -- Until the statement's transaction ends. The queries below are planned for this role and no other.
    perform set_config('request.jwt.claims', claims, true), set_config('role', 'authenticated', true);

    select coalesce(jsonb_agg(jsonb_build_object('workspace_id', w.id, 'name', w.name, 'slug', w.slug, 'role', m.role) order by w.id), '[]')
    into mine
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id and w.deleted_at is null
    where m.user_id = caller;

    chosen := coalesce(named, (mine -> 0 ->> 'workspace_id')::uuid);

    return query
    select (select to_jsonb(p) from identity.profiles p where p.user_id = caller),
           mine,
           (select to_jsonb(s) from identity.gate_subscription s where s.workspace_id = chosen),
           (select to_jsonb(o) from identity.gate_order o
            where o.workspace_id = chosen
              and (o.status = 'pending'
                   or (o.status = 'confirmed' and o.updated_at > confirmed_since
                       and not exists (select from identity.gate_subscription s
                                       where s.workspace_id = chosen and s.updated_at >= o.updated_at)))
            order by o.order_id desc limit 1),
           (select to_jsonb(b) from identity.gate_onboarding b where b.workspace_id = chosen),
           (select to_jsonb(t) from identity.gate_manifest t where t.workspace_id = chosen);
end
$$;
revoke execute on function identity.read_gate(text, uuid, uuid, timestamptz) from public;
grant execute on function identity.read_gate(text, uuid, uuid, timestamptz) to auth_svc;
