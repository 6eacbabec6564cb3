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
local expires_at = now + tonumber(ARGV[6])
live[#live + 1] = {
  digest = string.sub(stored, DESCRIPTOR_AT + 1, DESCRIPTOR_AT + 32),
  key = key,
  expires_at = expires_at,
}
local index, last = {}, expires_at
for at, past in ipairs(live) do
  last = math.max(last, past.expires_at)
  index[at] = struct.pack('<dc32H', past.expires_at, past.digest, #past.key) .. past.key
end
local fields = { 'index', table.concat(index) }
local function remember(name, value)
  if value then
    fields[#fields + 1] = name .. key
    fields[#fields + 1] = value
  end
end
if key ~= '' then
  remember('h', stored)
  remember('p', progress)
  remember('o', outcome)
  remember('l', log)
end

publish('-')
for _, old in ipairs(expired) do
  redis.call('HDEL', KEYS[2], 'h' .. old, 'p' .. old, 'o' .. old, 'l' .. old)
end
redis.call('HSET', KEYS[2], unpack(fields))
expire_key(KEYS[2], last)
unindex_task()
redis.call('DEL', task)
return { DONE, now, stored, progress, outcome, log }
