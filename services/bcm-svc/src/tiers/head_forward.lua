-- Moves the head pointer of a workspace (KEYS[1]) forward, never back: a reader that is late cannot bring an old one.
-- ARGV: generation, newest sequence, sequence for consumers, when PostgreSQL confirmed it (ms), life of the key (s).
-- What is no text is nothing, and is written over; so is what says that it was confirmed long after now.
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' then
  local generation, confirmed = string.match(held, '^(%d+) %d+ %d+ (%d+)$')
  if generation then
    generation, confirmed = tonumber(generation), tonumber(confirmed)
    local new, now = tonumber(ARGV[1]), tonumber(ARGV[4])
    if generation > new or (generation == new and confirmed >= now and confirmed < now + 60000) then
      return 0
    end
  end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4], 'EX', ARGV[5])
return 1
