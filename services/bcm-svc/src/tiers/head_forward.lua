-- Moves the head pointer of a workspace (KEYS[1]) forward, never back: a reader that is late cannot bring an old one.
-- ARGV: sequence, when PostgreSQL confirmed it (ms), life of the key (s).
local held = redis.call('GET', KEYS[1])
if held then
  local sequence, confirmed = string.match(held, '^(%d+) (%d+)$')
  if sequence then
    sequence, confirmed = tonumber(sequence), tonumber(confirmed)
    local new, now = tonumber(ARGV[1]), tonumber(ARGV[2])
    if sequence > new or (sequence == new and confirmed >= now) then
      return 0
    end
  end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'EX', ARGV[3])
return 1
