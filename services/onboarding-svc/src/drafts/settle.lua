#!lua flags=allow-oom
-- Notes what PostgreSQL has. A step that was edited meanwhile stays dirty. Works in a full Redis too.
-- KEYS: 1 the hash, 2 the dirty set, 3 the queue of revisions. ARGV: workspace, epoch, delay in ms, then slugs with the n that
-- was written.
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[2] then
  local written = {}
  for pair = 4, #ARGV, 2 do
    local field = 'd:' .. ARGV[pair]
    written[ARGV[pair]] = tonumber(ARGV[pair + 1])
    if redis.call('HGET', KEYS[1], field) == ARGV[pair + 1] then redis.call('HDEL', KEYS[1], field) end
  end
  redis.call('HDEL', KEYS[1], 'saves')
  -- A revision was written with its step or before it: what is left is of steps that are dirty still.
  local head = redis.call('LINDEX', KEYS[3], 0)
  while head do
    local slug, n = string.match(head, '^%d+|([%l-]+)|(%d+)|')
    local dirty = slug and redis.call('HEXISTS', KEYS[1], 'd:' .. slug) == 1
    if dirty and not (written[slug] and tonumber(n) <= written[slug]) then break end
    redis.call('LPOP', KEYS[3])
    head = redis.call('LINDEX', KEYS[3], 0)
  end
end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 2) == 'd:' then
    local time = redis.call('TIME')
    redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
    return 1
  end
end
redis.call('ZREM', KEYS[2], ARGV[1])
return 0
