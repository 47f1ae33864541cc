drop table identity.sign_in_flow;
drop table identity.one_time_token;
