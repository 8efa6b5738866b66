-- Fragment, put in front of the scripts that give an entry up. Needs common.lua.

-- More fields than this are packed into one, since a Lua call takes only so many arguments.
local most_fields = 1000

-- event_id_of(id, fields) is the producer's own ID of the event where a field holds it, else the entry's ID.
local function event_id_of(id, fields)
  local found = {}
  local cloud_event = false
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if value ~= '' and not found[name] then found[name] = value end
    if name == 'specversion' or string.sub(name, 1, 3) == 'ce_' then cloud_event = true end
  end
  return found['event_id'] or found['ce_id'] or (cloud_event and found['id']) or id
end

-- packed(fields) is every name and value as a netstring, `<length>:<bytes>,`: readable, and lossless for any bytes. They are
-- joined in pieces, since the in-memory server's table.concat overflows with thousands of parts.
local function packed(fields)
  local text, parts = '', {}
  for i = 1, #fields do
    parts[#parts + 1] = #fields[i] .. ':' .. fields[i] .. ','
    if #parts == 500 then
      text, parts = text .. table.concat(parts), {}
    end
  end
  return text .. table.concat(parts)
end

-- bury(letter) writes the dead letter, acks the entry and drops its note. letter.fields is the entry's flat list of names
-- and values, nil where the entry is gone. XADD comes first: where it is refused (out of memory, a dead-letter key that is
-- no stream) nothing else is written, and the error is returned.
local function bury(letter)
  local fields = letter.fields or {}
  local add = {'XADD', letter.dead, '*',
    'dead_id', letter.id, 'dead_reason', letter.reason, 'dead_error', letter.error,
    'dead_deliveries', whole(letter.deliveries), 'dead_consumer', letter.consumer,
    'dead_at', whole(clock()), 'dead_event_id', letter.event_id or event_id_of(letter.id, fields)}
  if #fields > 2 * most_fields then
    add[#add + 1] = 'dead_fields'
    add[#add + 1] = packed(fields)
  else
    for i = 1, #fields do add[#add + 1] = fields[i] end
  end
  local added = redis.pcall(unpack(add))
  if type(added) == 'table' and added.err then return added end
  redis.call('XACK', letter.stream, letter.group, letter.id)
  redis.call('HDEL', letter.attempts, letter.id)
end

-- is_there(stream, id) tells whether the stream still holds the entry. It is asked before an XCLAIM, which drops an entry
-- that is gone from the pending list: where its dead letter is refused then, nothing would be left of it.
local function is_there(stream, id)
  return #redis.call('XRANGE', stream, id, id) > 0
end

-- bury_deleted(letter) gives up an entry that somebody deleted from the stream while it was pending.
local function bury_deleted(letter)
  letter.fields = nil
  letter.reason = 'deleted'
  letter.error = 'the entry was deleted from the stream (XDEL, XTRIM or MAXLEN) while it was pending'
  return bury(letter)
end
