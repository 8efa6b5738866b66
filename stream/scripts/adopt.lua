-- adopt: take up entries that stand under the consumer's own name although it never saw them, because the reply that
-- handed them over was lost. Their delivery counts stay.
--
-- KEYS 1 the stream, 2 the group's dead letters, 3 the group's hash of notes
-- ARGV 1 group, 2 consumer, 3 the name of the event that follows a dead letter or '', 4 how many bytes to take up at most,
--      but for the first entry, 5... the entries' IDs
-- Reply: {how many of the IDs were looked at before there were too many bytes; for each of those that the consumer owns:
--        {ID, delivery count, note or '', fields}}

local stream, group, consumer, room = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[4])
local adopted = {}
for i = 5, #ARGV do
  local id = ARGV[i]
  local owner, deliveries = pending(stream, group, id)
  if owner == consumer then
    local entry = redis.call('XRANGE', stream, id, id)
    if #entry == 0 then
      bury_deleted({stream = stream, dead = KEYS[2], attempts = KEYS[3], group = group, id = id,
        follow_up = ARGV[3], deliveries = deliveries, consumer = consumer})
    else
      room = room - size_of(entry[1][2])
      if room < 0 and #adopted > 0 then return {i - 5, adopted} end
      redis.call('XCLAIM', stream, group, consumer, 0, id, 'RETRYCOUNT', deliveries, 'JUSTID')
      adopted[#adopted + 1] = {id, deliveries, redis.call('HGET', KEYS[3], id) or '', entry[1][2]}
    end
  end
end
return {#ARGV - 4, adopted}
