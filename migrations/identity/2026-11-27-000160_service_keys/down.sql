drop table identity.service_key;
