-- A page of a bucket's tasks, for each class asked for: the last written first, then by id.
-- KEYS: 1 the index.
-- ARGV: 1 how many of each class, 2 and 3 the earliest and the latest last write, 4 the id behind
-- which to start among those of the latest ('' for all of them), 5 the classes, such as '034'.
-- Answers a list for each class: { id, milliseconds, id, milliseconds, … }.
local index, limit, after = KEYS[1], tonumber(ARGV[1]), ARGV[4]
local earliest, latest = tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Byte by byte, as the set is ordered: what '<' does in Lua depends on the server's locale.
local function is_behind(id)
  for at = 1, math.min(#id, #after) do
    local ours, theirs = string.byte(id, at), string.byte(after, at)
    if ours ~= theirs then return ours > theirs end
  end
  return #id > #after
end

local function page_of(class)
  local first = -class * SPAN
  local page, offset, asked = {}, 0, limit
  while true do
    local found = redis.call('ZRANGEBYSCORE', index, first - latest, first - earliest,
      'WITHSCORES', 'LIMIT', offset, asked)
    for at = 1, #found, 2 do
      local id, at_ms = found[at], first - tonumber(found[at + 1])
      if #page < 2 * limit and (after == '' or at_ms < latest or is_behind(id)) then
        page[#page + 1] = id
        page[#page + 1] = string.format('%.0f', at_ms)
      end
    end
    if #page == 2 * limit or #found < 2 * asked then return page end
    offset, asked = offset + asked, asked * 2
  end
end

-- A replica may be listed too, but takes nothing out.
local function purged(class)
  local is_done, had_any = pcall(purge, index, now, class, 128)
  return is_done and had_any
end

local pages = {}
for class in string.gmatch(ARGV[5], '%d') do
  class = tonumber(class)
  local page = page_of(class)
  if #page > 0 and purged(class) then page = page_of(class) end
  pages[#pages + 1] = page
end
return pages
