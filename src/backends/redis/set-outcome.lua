-- ARGV: 5 mode, 6 random, 7 ttl, 8 descriptor, 9 body, 10 log (where there is one).
local is_create, descriptor = ARGV[5] == 'create', ARGV[8]
local digest = string.sub(descriptor, 1, 32)
if is_create then
  for _, past in ipairs((remembered())) do
    if past.digest == digest then return keep(UNCHANGED) end
  end
end
local is_same = has_outcome
  and string.sub(stored, DESCRIPTOR_AT + 1, DESCRIPTOR_AT + 32) == digest
if not holds(has_outcome) then return keep(is_same and UNCHANGED or MISMATCH) end
if is_create and has_outcome then return keep(is_same and UNCHANGED or CONFLICT) end

local verdict = has_outcome and REPLACED or CREATED
renew(ARGV[6])
outcome_at = now + ttl_of(ARGV[7])
progress_at = math.min(progress_at, outcome_at)
has_outcome = true
stored = pack_head(descriptor)
publish(version())
index_task()
if ARGV[10] then
  redis.call('HSET', task, 'head', stored, 'outcome', ARGV[9], 'log', ARGV[10])
else
  redis.call('HSET', task, 'head', stored, 'outcome', ARGV[9])
  if had_outcome then redis.call('HDEL', task, 'log') end
end
if had_progress and not has_progress then redis.call('HDEL', task, 'progress') end
expire_key(task, outcome_at)
forget_digests()
return keep(verdict)
