-- Reads many tasks, in order: one answer costs a client far less than one for each does.
-- KEYS: the tasks, of any buckets.
-- ARGV: 1 about how many bytes may be read: no further task after the one that reaches them; from 2
-- on the fields to read. All of them of each task read are one flat list.
local limit, bytes, count, answer = tonumber(ARGV[1]), 0, 0, {}
local fields = { unpack(ARGV, 2) }
for _, task in ipairs(KEYS) do
  if bytes >= limit then break end
  for _, value in ipairs(redis.call('HMGET', task, unpack(fields))) do
    count = count + 1
    answer[count] = value
    if value then bytes = bytes + #value end
  end
end
return answer
