-- A token bucket: KEYS[1] bucket, ARGV burst, seconds to fill, now in milliseconds.
-- Returns allowed (0 or 1), tokens left, seconds until the next token.
local burst, per_s, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local per_ms = burst / (per_s * 1000)
local state = redis.call('HMGET', KEYS[1], 't', 'at')
local tokens, at = tonumber(state[1]) or burst, tonumber(state[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * per_ms)
local allowed = 0
if tokens >= 1 then
  tokens = tokens - 1
  allowed = 1
end
redis.call('HSET', KEYS[1], 't', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], per_s * 1000 + 1000)
local retry = 0
if allowed == 0 then retry = math.max(1, math.ceil((1 - tokens) / per_ms / 1000)) end
return {allowed, math.floor(tokens), retry}
