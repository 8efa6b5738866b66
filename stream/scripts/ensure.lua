-- ensure: make sure that groups exist, and register what they are for.
--
-- KEYS 1 the stream, 2 the hash of registered groups
-- ARGV for each group: its name; its registration in JSON; where to begin: `auto`, `$` or an entry ID (entries above it
--      are delivered); `again` where this process has seen the group before, else `first`
-- Reply: for each group {what, at}: what is `kept`, `created` or `recreated`, at the ID below its first entry, or `$`
--
-- `auto` is the beginning on a stream that had no groups when the script ran, else new entries alone. All groups of a
-- process come in one call, so that none of them finds the others there first. A group that was there once goes on at
-- its checkpoint, wherever it was told to begin: what was added since it went missing is not skipped.

local existing, have_groups = {}, false
local last = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    existing[info[2]] = true
    have_groups = true
  end
  local facts = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #facts, 2 do
    if facts[i] == 'last-generated-id' then last = facts[i + 1] end
  end
end

local reply = {}
for i = 1, #ARGV, 4 do
  local group, registration, start, seen = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if existing[group] then
    redis.pcall('HSET', KEYS[2], group, registration) -- refused under a memory limit: what frees memory must go on
    reply[#reply + 1] = {'kept', ''}
  else
    local checkpoint = redis.call('HGET', KEYS[2], group .. ':checkpoint')
    local what, at = 'created', start
    if checkpoint or seen == 'again' then
      what, at = 'recreated', checkpoint_or_beginning(checkpoint, last)
    elseif start == 'auto' then
      at = have_groups and '$' or '0-0'
    end
    redis.call('HSET', KEYS[2], group, registration)
    redis.call('XGROUP', 'CREATE', KEYS[1], group, at, 'MKSTREAM')
    reply[#reply + 1] = {what, at}
  end
end
return reply
