drop table identity.signing_key;
drop table identity.session;
