#!lua flags=allow-oom
-- Notes what PostgreSQL has. A step that was edited meanwhile stays dirty. Works in a full Redis too.
-- KEYS: 1 the hash, 2 the dirty set. ARGV: workspace, epoch, delay in ms, then slugs with the n that was written.
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[2] then
  for pair = 4, #ARGV, 2 do
    local field = 'd:' .. ARGV[pair]
    if redis.call('HGET', KEYS[1], field) == ARGV[pair + 1] then redis.call('HDEL', KEYS[1], field) end
  end
  redis.call('HDEL', KEYS[1], 'saves')
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
