-- settle: ack entries as done, those alone that the consumer still owns, each in one step with the event that follows it,
-- its dedupe marker and its result.
--
-- KEYS 1 the stream, 2 the group's hash of notes, then for each entry: its dedupe marker where ARGV 3 is not 0, and the key
--      of its result where ARGV 4 is not 0
-- ARGV 1 group, 2 consumer, 3 how long a dedupe marker is kept in ms, 4 how long a result is kept in ms, 5 the name of the
--      event that follows or '', then for each entry: its ID, the event's name, the event's ID, the result or ''
-- Reply: {the IDs that were not acked, since another consumer owns them or nobody does; the IDs that were acked and nothing
--         follows, since the chain is too long; why a result was not kept, '' where all were}. Or why an event was refused:
--         that entry and those after it stay pending
--
-- An XACK before the first XADD would have what follows pass a memory limit. Work that is done needs no result to be acked.

local stream, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local marked, kept = ARGV[3] ~= '0', ARGV[4] ~= '0'
local lost, cut, refused, key = {}, {}, '', 2

-- next_key() is the next of KEYS.
local function next_key()
  key = key + 1
  return KEYS[key]
end

for i = 6, #ARGV, 4 do
  local id, result = ARGV[i], ARGV[i + 3]
  local marker = marked and next_key()
  local result_key = kept and next_key()
  if pending(stream, group, id) ~= consumer then
    lost[#lost + 1] = id
  else
    local cause = {stream = stream, group = group, id = id, event = ARGV[i + 1], event_id = ARGV[i + 2],
      outcome = 'acked', follow_up = ARGV[5]}
    if cause.follow_up ~= '' then
      local entry = redis.call('XRANGE', stream, id, id)
      cause.fields = entry[1] and entry[1][2]
    end
    local refusal = follow_up(cause)
    if refusal then return refusal end
    if cause.cut then cut[#cut + 1] = id end
    if marker then redis.call('SET', marker, 'done ' .. id, 'PX', ARGV[3]) end
    if result_key and result ~= '' then
      local set = redis.pcall('SET', result_key, result, 'PX', ARGV[4])
      if type(set) == 'table' and set.err then refused = set.err end
    end
    redis.call('XACK', stream, group, id)
    redis.call('HDEL', KEYS[2], id)
  end
end
return {lost, cut, refused}
