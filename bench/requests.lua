-- Requests for wrk, from text that is made beforehand: a request costs it one concatenation.
-- Arguments: GET, then how many tasks there are; or POST, then a prefix that no other run has, then
-- the body; or BATCH, then how many tasks there are, of which each request gets 100. At the end it prints one line of JSON.
local before, after
local first, count, at = 0, 0, -1
local batches

local function batch(from)
  local ids = {}
  for index = 0, 99 do ids[index + 1] = '"ready-' .. from + index .. '"' end
  local body = '{"include":"outcome","task_ids":[' .. table.concat(ids, ',') .. ']}'
  return 'POST /v1/batch/get HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n'
    .. 'Content-Length: ' .. #body .. '\r\n\r\n' .. body
end

function init(args)
  if args[1] == 'BATCH' then
    batches, count = {}, math.floor(tonumber(args[2]) / 100)
    for index = 0, count - 1 do batches[index] = batch(100 * index) end
    return
  end
  before = args[1] .. ' /v1/tasks/' .. (args[1] == 'GET' and 'ready-' or args[2])
  after = '/result HTTP/1.1\r\nHost: 127.0.0.1\r\n'
  if args[1] == 'GET' then
    count = tonumber(args[2])
    after = after .. '\r\n'
  else
    -- All ids are of one length, and so all answers.
    first, count = 1000000, 9000000
    after = after
      .. 'Content-Type: application/json\r\nContent-Length: ' .. #args[3] .. '\r\n\r\n' .. args[3]
  end
end

function request()
  at = (at + 1) % count
  if batches then return batches[at] end
  return before .. first + at .. after
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"micros":%d,"refused":%d,"broken":%d,"p50Us":%d,"p99Us":%d}',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
