drop table identity.gate_manifest;
drop table identity.gate_onboarding;
drop table identity.gate_order;
drop table identity.gate_subscription;
