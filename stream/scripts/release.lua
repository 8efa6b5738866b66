-- release: hand entries over to the reserved consumer `waiting`, from which any consumer takes them when they are due.
--
-- KEYS 1 the stream, 2 the group's dead letters, 3 the group's hash of notes
-- ARGV 1 group, 2 consumer, 3 the name of the event that follows a dead letter or '', 4 the lease in ms, then for each entry:
--      its ID, the delivery count of what is released, the one to leave it with, the delay in ms, and the note of the failed
--      try: tries, reason, error (reason empty: whatever note there is stays)
-- Reply: the IDs that were not released, since the consumer does not own them any more, or owns them anew: a release that
--        was late on its way may find that the entry has been with others and is back, delivered more often than it says.
--        Or why the dead letter of an entry that was deleted from the stream was refused, which leaves that one as it was
--        and the others released
--
-- The idle time is set so that the entry becomes claimable when it is due, for whoever looks with XPENDING or claims by
-- hand; a delay longer than the lease lives in the note's `next` alone.

local stream, group, consumer, lease = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[4])
local now = clock()
local lost, refused = {}, nil
for i = 5, #ARGV, 7 do
  local id, released, count, delay = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], tonumber(ARGV[i + 3])
  local tries, reason, message = ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]
  local owner, deliveries = pending(stream, group, id)
  if owner ~= consumer or deliveries > released then
    lost[#lost + 1] = id
  elseif not is_there(stream, id) then
    refused = bury_deleted({stream = stream, dead = KEYS[2], attempts = KEYS[3], group = group, id = id,
      follow_up = ARGV[3], deliveries = deliveries, consumer = consumer}) or refused
  else
    redis.call('XCLAIM', stream, group, 'waiting', 0, id,
      'IDLE', whole(math.max(0, lease - delay)), 'RETRYCOUNT', count, 'JUSTID')
    if reason ~= '' then
      redis.call('HSET', KEYS[3], id, '{"tries":' .. tries .. ',"reason":' .. cjson.encode(reason) ..
        ',"error":' .. cjson.encode(message) .. ',"consumer":' .. cjson.encode(consumer) ..
        ',"next":' .. whole(now + delay) .. '}')
    end
  end
end
return refused or lost
