#!lua flags=allow-oom
-- Takes workspaces that are due to be written behind; who dies with one leaves it due again when the lease ends.
-- Works in a full Redis too.
-- KEYS: 1 the dirty set. ARGV: lease in ms, how many.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
for _, workspace in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[1], workspace) end
return due
