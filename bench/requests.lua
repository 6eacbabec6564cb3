-- Requests for wrk, from text that is made beforehand: a request costs it one concatenation.
-- Arguments: GET, then how many tasks there are; or POST, then a prefix that no other run has, then
-- the body. At the end it prints one line of JSON.
local before, after
local first, count, at = 0, 0, -1

function init(args)
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
