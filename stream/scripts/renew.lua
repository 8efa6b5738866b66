-- renew: start the leases of entries anew and show life, without raising a delivery count.
--
-- KEYS 1 the stream, 2 the group's dead letters, 3 the group's hash of notes, 4 the group's hash of consumers
-- ARGV 1 group, 2 consumer, 3 the name of the event that follows a dead letter or '', 4... the entries' IDs
-- Reply: the IDs that the consumer does not own any more
--
-- The owner is checked first: a bare XCLAIM would take an entry back from whoever claimed it meanwhile. An entry that
-- was deleted from the stream is dead-lettered here; where that is refused it stays pending, and its owner's, until a
-- renewal succeeds. The sign of life may be refused under a memory limit; the leases go on all the same.

local stream, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local lost = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local owner, deliveries = pending(stream, group, id)
  if owner ~= consumer then
    lost[#lost + 1] = id
  elseif is_there(stream, id) then
    redis.call('XCLAIM', stream, group, consumer, 0, id, 'RETRYCOUNT', deliveries, 'JUSTID')
  elseif not bury_deleted({stream = stream, dead = KEYS[2], attempts = KEYS[3], group = group, id = id,
    follow_up = ARGV[3], deliveries = deliveries, consumer = consumer}) then
    lost[#lost + 1] = id
  end
end
redis.pcall('HSET', KEYS[4], consumer, whole(clock()))
return lost
