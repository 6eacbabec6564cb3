if not holds(is_known) then return keep(MISMATCH) end
if is_known then publish('-') end
unindex_task()
redis.call('DEL', task, KEYS[2])
return { is_known and DONE or ABSENT, now, false, false }
