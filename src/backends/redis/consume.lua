-- ARGV: 5 idempotency key ('' for none), 6 how long it is remembered.
-- A consume that is done answers { verdict, the clock, head, progress, outcome, log }.
local key = ARGV[5]
local live, expired = remembered()
if key ~= '' then
  for _, past in ipairs(live) do
    if past.key == key then
      local parts =
        redis.call('HMGET', KEYS[2], 'h' .. key, 'p' .. key, 'o' .. key, 'l' .. key)
      return { DONE, now, parts[1], parts[2], parts[3], parts[4] }
    end
  end
end
if not holds(has_outcome) then return keep(MISMATCH) end
if not is_known then return keep(ABSENT) end
if not has_outcome then return keep(NOT_READY) end

local parts = redis.call('HMGET', task, 'outcome', 'log')
local outcome, log = parts[1], parts[2]
live[#live + 1] = {
  digest = string.sub(stored, DESCRIPTOR_AT + 1, DESCRIPTOR_AT + 32),
  key = key,
  expires_at = now + tonumber(ARGV[6]),
}
local fields = {}
local function add(name, value)
  if value then
    fields[#fields + 1] = name .. key
    fields[#fields + 1] = value
  end
end
if key ~= '' then
  add('h', stored)
  add('p', progress)
  add('o', outcome)
  add('l', log)
end

publish('-')
remember(live, expired, fields)
unindex_task()
redis.call('DEL', task)
return { DONE, now, stored, progress, outcome, log }
