drop table bcm.signing_key;
