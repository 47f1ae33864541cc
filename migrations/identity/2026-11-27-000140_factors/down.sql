drop table identity.factor_challenge;
drop table identity.factor;
