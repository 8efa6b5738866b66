-- ack: settle entries as done, those alone that the consumer still owns.
--
-- KEYS 1 the stream, 2 the group's hash of notes, 3... the dedupe marker of each entry where the group dedupes, else none
-- ARGV 1 group, 2 consumer, 3 how long a dedupe marker is kept in ms, 4... the entries' IDs
-- Reply: the IDs that were not acked, since another consumer owns them or nobody does

local group, consumer = ARGV[1], ARGV[2]
local lost = {}
for i = 4, #ARGV do
  local id, marker = ARGV[i], KEYS[i - 1]
  if pending(KEYS[1], group, id) == consumer then
    if marker then redis.call('SET', marker, 'done ' .. id, 'PX', ARGV[3]) end
    redis.call('XACK', KEYS[1], group, id)
    redis.call('HDEL', KEYS[2], id)
  else
    lost[#lost + 1] = id
  end
end
return lost
