-- Carries out many commands of one bucket, one after the other, by the functions in RUN, which are
-- the scripts of the single commands. Each is atomic, and fails alone.
-- KEYS: those of each command in turn.
-- ARGV: 1 how many keys each command has; then for each its place in RUN, the number of its
-- arguments, and these.
-- Answers a list of what each has answered, or of its error.
local answers, keys_each, at = {}, tonumber(ARGV[1]), 2
for item = 1, #KEYS / keys_each do
  local run, count = RUN[tonumber(ARGV[at])], tonumber(ARGV[at + 1])
  local keys = { unpack(KEYS, (item - 1) * keys_each + 1, item * keys_each) }
  local arguments = { unpack(ARGV, at + 2, at + 1 + count) }
  local is_done, answer = pcall(run, keys, arguments)
  -- An error is a table in Redis 7, and was text before.
  if not is_done and type(answer) ~= 'table' then answer = { err = tostring(answer) } end
  answers[item] = answer
  at = at + 2 + count
end
return answers
