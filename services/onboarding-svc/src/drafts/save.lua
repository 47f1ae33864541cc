-- One edit of one step as a compare-and-set.
-- KEYS: 1 the workspace's hash, 2 the workspaces to be written behind, 3 the member's bucket of saves, 4 the revisions to be
-- written behind.
-- The hash: epoch, bytes (canonical size of all answers), saves (since the last write-behind), and per step
-- m:<slug> = n|state|size|by|at|completed, v:<slug> = the answer, d:<slug> = the n that PostgreSQL does not have yet.
-- Answers a list of texts: cold | limited, seconds | stale, epoch, meta, answer | large, bytes | saved, epoch, n, state.
local known, expected, slug, workspace = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local first_state, later_state, has_answer, answer, size = ARGV[5], ARGV[6], ARGV[7] == '1', ARGV[8], tonumber(ARGV[9])
local by, at, completes = ARGV[10], ARGV[11], ARGV[12] == '1'
local life_s, most_bytes, delay_ms, most_saves = tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15]), tonumber(ARGV[16])
local burst, per_s, restores, most_queued = tonumber(ARGV[17]), tonumber(ARGV[18]), ARGV[19], tonumber(ARGV[20])

local head = redis.call('HMGET', KEYS[1], 'epoch', 'bytes', 'm:' .. slug)
local epoch, bytes, meta = tonumber(head[1] or ''), tonumber(head[2] or '0'), head[3]
if not epoch or epoch < known then return {'cold'} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if burst > 0 then
  local per_ms = burst / (per_s * 1000)
  local state = redis.call('HMGET', KEYS[3], 't', 'at')
  local tokens = math.min(burst, (tonumber(state[1] or '') or burst) + math.max(0, now - (tonumber(state[2] or '') or now)) * per_ms)
  if tokens < 1 then return {'limited', string.format('%d', math.max(1, math.ceil((1 - tokens) / per_ms / 1000)))} end
  redis.call('HSET', KEYS[3], 't', tostring(tokens - 1), 'at', string.format('%d', now))
  redis.call('PEXPIRE', KEYS[3], per_s * 1000 + 1000)
end

local n, old_size, completed, current = 0, 0, '', '0'
if meta then
  local parsed_n, parsed_size, parsed_completed = string.match(meta, '^(%d+)|%a+|(%d+)|[^|]*|%d+|(%d*)$')
  n, old_size, completed = tonumber(parsed_n), tonumber(parsed_size), parsed_completed
  current = string.format('%d.%d', epoch, n)
end
if expected ~= '*' and expected ~= current then
  return {'stale', string.format('%d', epoch), meta or '', redis.call('HGET', KEYS[1], 'v:' .. slug) or ''}
end

-- An answer's part of the sections: "slug":answer and a comma.
local function part(answer_size) if answer_size == 0 then return 0 end return answer_size + #slug + 4 end
local new_size = has_answer and size or old_size
bytes = bytes - part(old_size) + part(new_size)
if has_answer and bytes + 1 > most_bytes then return {'large', string.format('%d', bytes + 1)} end

n = n + 1
local state = completed == '' and first_state or later_state
if completes then completed = at end
local new_meta = string.format('%d|%s|%d|%s|%s|%s', n, state, new_size, by, at, completed)
redis.call('HSET', KEYS[1], 'bytes', string.format('%d', bytes), 'm:' .. slug, new_meta)
if has_answer then redis.call('HSET', KEYS[1], 'v:' .. slug, answer) end
redis.call('HSET', KEYS[1], 'd:' .. slug, string.format('%d', n))
local saves = redis.call('HINCRBY', KEYS[1], 'saves', 1)
redis.call('EXPIRE', KEYS[1], life_s)
local kept = has_answer and answer or (redis.call('HGET', KEYS[1], 'v:' .. slug) or '')
if redis.call('RPUSH', KEYS[4], string.format('%d|%s|', epoch, slug) .. new_meta .. '|' .. restores .. '\n' .. kept) > most_queued then
  redis.call('LTRIM', KEYS[4], -most_queued, -1)
end
redis.call('EXPIRE', KEYS[4], life_s)
if saves >= most_saves then
  redis.call('ZADD', KEYS[2], 'LT', now, workspace)
else
  redis.call('ZADD', KEYS[2], 'NX', now + delay_ms, workspace)
end
return {'saved', string.format('%d', epoch), string.format('%d', n), state}
