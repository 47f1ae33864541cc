drop table onboarding.business_context;
drop table onboarding.draft;
drop table onboarding.unlock;
drop table onboarding.onboarding;
