-- How many tasks of a bucket have not expired, class by class.
-- KEYS: 1 the index.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counts = {}
for class = 0, OTHER do
  local first = class * SPAN
  counts[class + 1] =
    redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', first + now), first + FOR_EVER)
end
return counts
