-- Drops a workspace's hash if its epoch is the given one or older.
-- KEYS: 1 the hash, 2 the dirty set, 3 the queue of revisions. ARGV: workspace, epoch.
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '')
if epoch and epoch > tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
