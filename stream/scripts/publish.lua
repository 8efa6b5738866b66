-- Adds an event once: a repeat within the marker's life finds the first entry instead.
--
-- KEYS[1]  the stream
-- KEYS[2]  the published marker: `<entry ID> <digest>`
-- ARGV[1]  the digest of the content
-- ARGV[2]  the marker's life in milliseconds
-- ARGV[3…] field, value, field, value, …
--
-- Returns {entry ID, 0} for a new entry, {entry ID, 1} for a repeat, {entry ID, 2} where the marker holds another
-- content. A repeat begins the marker's life anew, which is also the write that a WAIT behind it waits for. XADD comes
-- first among the writes, so that a Redis out of memory refuses before anything has changed.
local known = redis.call('GET', KEYS[2])
if known then
  local id, digest = string.match(known, '^(%S+) (%S+)$')
  if digest ~= ARGV[1] then
    return {id or '', 2}
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return {id, 1}
end
local command = {'XADD', KEYS[1], '*'}
for i = 3, #ARGV do
  command[#command + 1] = ARGV[i]
end
local id = redis.call(unpack(command))
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[1], 'PX', ARGV[2])
return {id, 0}
