-- begin: set the dedupe markers of a batch before any of it starts.
--
-- KEYS 1 the stream, 2... the marker of each entry
-- ARGV 1 group, 2 how long a marker is kept in ms, 3... the entries' IDs
-- Reply: for each entry `start` (it holds the marker now), `done` (the event was handled before) or `running` (another
--        entry with the same event is being handled or waits for its retry)
--
-- A marker holds `running <entry>` or `done <entry>`. One whose entry is no longer pending was left by a process that
-- died or by a dead letter, and is taken over.

local group = ARGV[1]
local reply = {}
for i = 3, #ARGV do
  local id, marker = ARGV[i], KEYS[i - 1]
  local state, holder = string.match(redis.call('GET', marker) or '', '^(%a+) (%d+%-%d+)$')
  if state == 'done' then
    reply[#reply + 1] = 'done'
  elseif state == 'running' and holder ~= id and pending(KEYS[1], group, holder) then
    reply[#reply + 1] = 'running'
  else
    redis.call('SET', marker, 'running ' .. id, 'PX', ARGV[2])
    reply[#reply + 1] = 'start'
  end
end
return reply
