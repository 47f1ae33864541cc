drop function payments.erase_own(uuid);
