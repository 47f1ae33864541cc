drop function onboarding.erase_own(uuid);
