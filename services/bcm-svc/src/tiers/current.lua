-- The head pointer of a workspace and the version that it names for consumers, in one round trip.
-- KEYS: 1 the head. ARGV: 1 what the keys of versions begin with, 2 their life (s).
-- Answers {head, frame}, {head} when the version is not there, {} without a head. What is no text counts as not there.
-- Reading in its second half renews a life.
local head = redis.pcall('GET', KEYS[1])
if type(head) ~= 'string' then return {} end
local live = string.match(head, '^%d+ %d+ (%d+) ')
if not live then return {head} end
local key = ARGV[1] .. live
local frame = redis.pcall('GET', key)
if type(frame) ~= 'string' then return {head} end
if redis.call('TTL', key) < ARGV[2] / 2 then redis.call('EXPIRE', key, ARGV[2]) end
return {head, frame}
