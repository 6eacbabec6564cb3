-- The index of a bucket, for lists and stats; put in front of every script that touches it.
--
-- It is one sorted set with two members for each task, so that one ZADD or ZREM keeps both:
--   <id>    by the class of its state, then by its last write:  -(class * SPAN + milliseconds)
--   !<id>   by class, then by when its last record expires:       class * SPAN + milliseconds
-- A class is a place in STATE_CLASSES of record/listing.ts. Negative times make the latest come first, and
-- ids of the same millisecond ascend. An id never starts with '!'.

local SPAN = 2 ^ 43
local FOR_EVER = SPAN - 1
local SUCCESS, FAILURE, OTHER = 3, 4, 5

-- Takes out tasks of a class that have expired, at most so many. Tells whether there were any.
local function purge(index, now, class, limit)
  local first = class * SPAN
  local due = redis.call('ZRANGEBYSCORE', index, first, first + now, 'LIMIT', 0, limit)
  local count = #due
  if count == 0 then return false end
  for at = 1, count do due[count + at] = string.sub(due[at], 2) end
  redis.call('ZREM', index, unpack(due))
  return true
end
