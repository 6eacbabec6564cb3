-- ARGV: 5 random, 6 ttl.
if not holds(is_known) then return keep(MISMATCH) end
if not is_known then return keep(ABSENT) end

renew(ARGV[5])
local at = now + ttl_of(ARGV[6])
outcome_at = has_outcome and at or 0
progress_at = has_progress and at or 0
stored = pack_head(has_outcome and string.sub(stored, DESCRIPTOR_AT + 1) or '')
publish(version())
index_task()
redis.call('HSET', task, 'head', stored)
if had_outcome and not has_outcome then redis.call('HDEL', task, 'outcome', 'log') end
if had_progress and not has_progress then redis.call('HDEL', task, 'progress') end
expire_key(task, at)
return keep(DONE)
