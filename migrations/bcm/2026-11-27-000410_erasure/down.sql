drop function bcm.erase_own(uuid);
