-- Takes away what up.sql made, with all data of the services. A schema auth that the shim did not make
-- stays, and so do the API roles: other databases of the cluster may use them.

drop schema if exists bcm cascade;
drop schema if exists onboarding cascade;
drop schema if exists payments cascade;
drop schema if exists identity cascade;

do $$
declare
    service_role text;
begin
    if (select relowner from pg_class where oid = to_regclass('auth.users'))
       = to_regrole('auth_svc_owner') then
        drop schema auth cascade;
    end if;

    foreach service_role in array array[
        'auth_svc', 'payments_svc', 'onboarding_svc', 'bcm_svc',
        'auth_svc_owner', 'payments_svc_owner', 'onboarding_svc_owner', 'bcm_svc_owner'
    ] loop
        if to_regrole(service_role) is not null then
            if not pg_has_role(current_user, service_role, 'member') then
                execute format('grant %I to current_user', service_role);
            end if;
            execute format('drop owned by %I', service_role);
            begin
                execute format('drop role %I', service_role);
            exception when dependent_objects_still_exist then
                raise notice 'role % is used by another database of this cluster and stays', service_role;
            end;
        end if;
    end loop;
end
$$;
