-- Adds an event once: a repeat within the marker's life finds the first entry instead.
--
-- KEYS[1]  the stream
-- KEYS[2]  the published marker: `<entry ID> <digest>`
-- ARGV[1]  the digest of the content
-- ARGV[2]  the marker's life in milliseconds
-- ARGV[3…] field, value, field, value, …
--
-- Returns {entry ID, 0} for a new entry, {entry ID, 1} for a repeat, {entry ID, 2} where the marker holds another
-- content. XADD comes first among the writes, so that a Redis out of memory refuses before anything has changed.
local known = redis.call('GET', KEYS[2])
if known then
  local id, digest = string.match(known, '^(%S+) (%S+)$')
  return {id or '', digest == ARGV[1] and 1 or 2}
end
local command = {'XADD', KEYS[1], '*'}
for i = 3, #ARGV do
  command[#command + 1] = ARGV[i]
end
local id = redis.call(unpack(command))
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[1], 'PX', ARGV[2])
return {id, 0}
