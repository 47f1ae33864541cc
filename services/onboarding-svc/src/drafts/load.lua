-- Puts a workspace's rows into its hash, unless a newer epoch is there already.
-- KEYS: 1 the hash, 2 the queue of revisions. ARGV: epoch, seconds to live, then fields and values. Answers 1 when it loaded.
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '')
if epoch and epoch >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
for field = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[field], ARGV[field + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
