-- ARGV: 5 mode, 6 random, 7 ttl, 8 progress.
if not holds(has_progress) then
  return keep(has_progress and progress == ARGV[8] and UNCHANGED or MISMATCH)
end
if ARGV[5] == 'register' and is_known then return keep(UNCHANGED) end

local verdict = has_progress and REPLACED or CREATED
renew(ARGV[6])
progress_at = now + ttl_of(ARGV[7])
if has_outcome then progress_at = math.min(progress_at, outcome_at) end
has_progress, progress = true, ARGV[8]
stored = pack_head(has_outcome and string.sub(stored, DESCRIPTOR_AT + 1) or '')
publish(version())
index_task()
redis.call('HSET', task, 'head', stored, 'progress', progress)
if had_outcome and not has_outcome then redis.call('HDEL', task, 'outcome', 'log') end
expire_key(task, math.max(outcome_at, progress_at))
forget_digests()
return keep(verdict)
