-- Shared by all scripts here, and put in front of each: the clock, the task as far as it is live,
-- conditions, and how a head is written. The rules are those of src/result-backend/decide.ts, line by line.
--
-- KEYS: 1 the task, 2 its remembered consumes, 3 its bucket's index (only where one is kept).
-- ARGV: 1 channel, 2 task id, 3 If-Match, 4 If-None-Match ('', '*', or ' version version '), and
-- from 5 on what each script says.
-- Answers: { verdict (its place in VERDICTS of scripts.ts), the clock, head, progress }.
--
-- Whatever a script may be refused (PUBLISH to a user without the right, HSET to a full store)
-- comes before all that changes something: a script that fails has changed nothing.

local CREATED, REPLACED, UNCHANGED, CONFLICT = 1, 2, 3, 4
local MISMATCH, ABSENT, NOT_READY, DONE = 5, 6, 7, 8
local DESCRIPTOR_AT = 49
local NO_DIGEST = string.rep('0', 32)
local task, index = KEYS[1], KEYS[3]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local fields = redis.call('HMGET', task, 'head', 'progress')
local stored, progress = fields[1], fields[2]
local was_stored = stored
local version_ms, random, created_at, outcome_at, progress_at = 0, '', now, 0, 0
local has_outcome, has_progress = false, false
if stored then
  version_ms, random, created_at, outcome_at, progress_at = struct.unpack('<dc16ddd', stored, 2)
  has_outcome = #stored > DESCRIPTOR_AT and outcome_at > now
  has_progress = progress and progress_at > now or false
end
local is_known = has_outcome or has_progress
local was_for_ever = math.max(outcome_at, progress_at) == math.huge

local function version()
  local live = has_outcome and (has_progress and 'op' or 'o') or 'p'
  return string.format('%.0f-%s.%s', version_ms, random, live)
end

local function pack_head(descriptor)
  return '\1'
    .. struct.pack('<dc16ddd', version_ms, random, created_at, outcome_at, progress_at)
    .. descriptor
end

-- Takes what has expired out of what was loaded. `had_…` tell whether it is still in the store.
local had_outcome, had_progress = stored and #stored > DESCRIPTOR_AT, progress
if stored and ((had_outcome and not has_outcome) or (progress_at ~= 0 and not has_progress)) then
  if not has_outcome then outcome_at = 0 end
  if not has_progress then
    progress_at, progress = 0, false
  end
  if is_known then
    stored = pack_head(has_outcome and string.sub(stored, DESCRIPTOR_AT + 1) or '')
  else
    stored, version_ms, created_at = false, 0, now
  end
end

local function keep(verdict)
  return { verdict, now, stored, progress }
end

local function lists(tags)
  return is_known and string.find(tags, ' ' .. version() .. ' ', 1, true) ~= nil
end

-- Whether the conditions hold (RFC 9110, section 13.1); '*' asks about the addressed record only.
local function holds(is_there)
  local if_match, if_none_match = ARGV[3], ARGV[4]
  if if_match == '*' then
    if not is_there then return false end
  elseif if_match ~= '' and not lists(if_match) then
    return false
  end
  if if_none_match == '*' then return not is_there end
  return if_none_match == '' or not lists(if_none_match)
end

-- Gives the task its next version; the random part comes from the client.
local function renew(new_random)
  version_ms, random = math.max(version_ms + 1, now), new_random
end

local function ttl_of(argument)
  return argument == 'never' and math.huge or tonumber(argument)
end

local function publish(what)
  redis.call('PUBLISH', ARGV[1], what .. ' ' .. ARGV[2])
end

-- Redis keeps a key through the millisecond that it is given, and a record is gone in it. But it
-- drops at once what ends in the present millisecond, which may have come since the clock was read.
local function expire_key(key, at)
  if at == math.huge then
    redis.call('PERSIST', key)
  else
    local last = math.ceil(at) - (at - now < 10 and 0 or 1)
    redis.call('PEXPIREAT', key, string.format('%.0f', last))
  end
end

-- What is remembered of the consumes that have not expired: a list of { digest, key, expires_at },
-- and the keys of those that have.
local function remembered()
  local live, expired = {}, {}
  local index = redis.call('HGET', KEYS[2], 'index')
  local at = 1
  while index and at <= #index do
    local expires_at, digest, length
    expires_at, digest, length, at = struct.unpack('<dc32H', index, at)
    local key = string.sub(index, at, at + length - 1)
    at = at + length
    if expires_at > now then
      live[#live + 1] = { digest = digest, key = key, expires_at = expires_at }
    elseif key ~= '' then
      expired[#expired + 1] = key
    end
  end
  return live, expired
end

-- Writes what is remembered, with some more fields, and takes out what the expired keys stand for.
local function remember(live, expired, fields)
  for _, old in ipairs(expired) do
    redis.call('HDEL', KEYS[2], 'h' .. old, 'p' .. old, 'o' .. old, 'l' .. old)
  end
  local index, last = {}, 0
  for at, past in ipairs(live) do
    last = math.max(last, past.expires_at)
    index[at] = struct.pack('<dc32H', past.expires_at, past.digest, #past.key) .. past.key
  end
  redis.call('HSET', KEYS[2], 'index', table.concat(index), unpack(fields))
  expire_key(KEYS[2], last)
end

-- The first write after a consume begins a new life of the task: an outcome that equals a consumed
-- one is no retry of it any more. What is remembered for idempotency keys stays. (A task that is
-- stored was written since.)
local function forget_digests()
  if was_stored then return end
  local live, expired = remembered()
  local keyed = {}
  for _, past in ipairs(live) do
    if past.key ~= '' then
      past.digest = NO_DIGEST
      keyed[#keyed + 1] = past
    end
  end
  if #keyed > 0 then
    remember(keyed, expired, {})
  elseif #live > 0 then
    redis.call('DEL', KEYS[2])
  end
end

local function class_of_task()
  if has_outcome then
    return string.byte(stored, DESCRIPTOR_AT + 33) % 2 == 1 and FAILURE or SUCCESS
  end
  local state = string.match(progress, '^{"state":"(%u+)"')
  -- Only an outcome makes a task look finished.
  local classes = { PENDING = 0, STARTED = 1, RETRY = 2, SUCCESS = 1, FAILURE = 1 }
  return classes[state] or OTHER
end

-- The index has no expiry exactly while it holds a task that has none. Called where the last such
-- task may have gone.
local function expire_index()
  local last = 0
  for class = 0, OTHER do
    local first = class * SPAN
    local found = redis.call('ZREVRANGEBYSCORE', index, first + FOR_EVER, first,
      'WITHSCORES', 'LIMIT', 0, 1)
    if found[2] then last = math.max(last, tonumber(found[2]) - first) end
  end
  if last ~= 0 and last ~= FOR_EVER then
    redis.call('PEXPIREAT', index, string.format('%.0f', math.max(last, now) + 1000))
  end
end

-- The index lives a little longer than its last task, so that few writes have to move its expiry.
local function prolong_index(at)
  if at == math.huge then return redis.call('PERSIST', index) end
  local left = redis.call('PTTL', index)
  if left == -1 then
    if was_for_ever then return expire_index() end
    -- It has just been made, or else it holds a task without an expiry.
    if redis.call('ZCARD', index) > 2 then return end
  elseif now + left >= at then
    return
  end
  local spare = math.max(1000, math.min((at - now) / 16, 3600000))
  redis.call('PEXPIREAT', index, string.format('%.0f', at + spare))
end

-- Writes the task as it is now into the index, where there is one. A write in eight also takes out
-- up to 128 expired tasks of one class: more than were put in since, so the index cannot grow.
local function index_task()
  if not index then return end
  local first, id, at = class_of_task() * SPAN, ARGV[2], math.max(outcome_at, progress_at)
  redis.call('ZADD', index, -first - version_ms, id,
    first + math.min(math.ceil(at), FOR_EVER), '!' .. id)
  prolong_index(at)
  local turn = time[2] % 48
  if turn <= OTHER then purge(index, now, turn, 128) end
end

local function unindex_task()
  if not index then return end
  redis.call('ZREM', index, ARGV[2], '!' .. ARGV[2])
  if was_for_ever then expire_index() end
end
