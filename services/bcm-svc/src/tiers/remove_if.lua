-- Removes what lies under KEYS[1], if it is still exactly this (ARGV[1]).
local held = redis.pcall('GET', KEYS[1])
if held == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
