-- Fragment, put in front of the scripts that give an entry up. Needs common.lua and follow_up.lua.

-- event_id_of(id, fields) is the producer's own ID of the event where a field holds it, else the entry's ID.
local function event_id_of(id, fields)
  local found = texts_of(fields)
  local cloud_event = false
  for i = 1, #fields, 2 do
    if fields[i] == 'specversion' or string.sub(fields[i], 1, 3) == 'ce_' then cloud_event = true end
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

-- letter_of(letter) is the XADD of the dead letter. An entry's fields are packed into one where they are more than most_fields.
local function letter_of(letter)
  local fields = letter.fields
  local add = {'XADD', letter.dead, '*',
    'dead_id', letter.id, 'dead_reason', letter.reason, 'dead_error', letter.error,
    'dead_deliveries', whole(letter.deliveries), 'dead_consumer', letter.consumer,
    'dead_at', whole(clock()), 'dead_event_id', letter.event_id}
  if #fields > 2 * most_fields then
    add[#add + 1] = 'dead_fields'
    add[#add + 1] = packed(fields)
  else
    for i = 1, #fields do add[#add + 1] = fields[i] end
  end
  return add
end

-- attempted(command) runs a command and returns its error, or nothing.
local function attempted(command)
  local reply = redis.pcall(unpack(command))
  if type(reply) == 'table' and reply.err then return reply end
end

-- bury(letter) writes the dead letter, adds the event that follows it (letter.follow_up, or ''), acks the entry and drops its
-- note. letter.fields is the entry's flat list of names and values, nil where the entry is gone. What may be refused (out of
-- memory, a dead-letter key that is no stream) comes first: then nothing else is written, and the error is returned. A
-- follow-up whose dead letter is refused after it is taken back, which nobody can have seen.
local function bury(letter)
  letter.fields = letter.fields or {}
  letter.event_id = letter.event_id or event_id_of(letter.id, letter.fields)
  letter.outcome = 'dead_lettered'
  local refusal
  if letter.follow_up ~= '' then
    refusal = attempted({'XLEN', letter.dead}) or follow_up(letter)
  end
  refusal = refusal or attempted(letter_of(letter))
  if refusal then
    if letter.added then redis.pcall('XDEL', letter.stream, letter.added) end
    return refusal
  end
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
