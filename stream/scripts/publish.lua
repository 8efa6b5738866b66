-- Adds an event once: a repeat within the marker's life finds the first entry instead.
--
-- KEYS[1]  the stream
-- KEYS[2]  the published marker: `<entry ID> <digest>`
-- ARGV[1]  the digest of the content
-- ARGV[2]  the marker's life in milliseconds
-- ARGV[3…] field, value, field, value, …
--
-- Returns {entry ID, 0} for a new entry, {entry ID, 1} for a repeat, {entry ID, 2} where the marker holds another
-- content. A repeat begins the marker's life anew, which is also the write that a WAIT behind it waits for.
--
-- The marker is written before the entry, still empty: a Redis that refuses it, being out of memory, a replica or without
-- the permission, refuses before anything has changed. Where the entry is refused the marker goes again; one that was
-- left behind empty counts for none.
local known = redis.call('GET', KEYS[2])
if known and known ~= '' then
  local id, digest = string.match(known, '^(%S+) (%S+)$')
  if digest ~= ARGV[1] then
    return {id or '', 2}
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return {id, 1}
end
redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
local command = {'XADD', KEYS[1], '*'}
for i = 3, #ARGV do
  command[#command + 1] = ARGV[i]
end
local id = redis.pcall(unpack(command))
if type(id) ~= 'string' then
  redis.pcall('PEXPIRE', KEYS[2], 0)
  return id
end
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[1], 'PX', ARGV[2])
return {id, 0}
