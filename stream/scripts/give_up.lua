-- give_up: write the dead letter of an entry and ack it, in one step, if the consumer still owns it.
--
-- KEYS 1 the stream, 2 the group's dead letters, 3 the group's hash of notes, 4 the dedupe marker where the group dedupes
-- ARGV 1 group, 2 consumer, 3 the name of the event that follows the dead letter or '', 4 the entry's ID, 5 reason, 6 error,
--      7 the event's name, 8 the event's ID, 9 the delivery count of what is given up, 0 where that may be any
-- Reply: 1; 2 where nothing follows, since the chain is too long; 0 where the consumer does not own the entry any more, or
--        owns it anew after others had it

local stream, group, consumer, id = KEYS[1], ARGV[1], ARGV[2], ARGV[4]
local owner, deliveries = pending(stream, group, id)
local given_up = tonumber(ARGV[9])
if owner ~= consumer or (given_up > 0 and deliveries > given_up) then return 0 end

local letter = {stream = stream, dead = KEYS[2], attempts = KEYS[3], group = group, id = id,
  follow_up = ARGV[3], deliveries = deliveries, consumer = consumer, reason = ARGV[5], error = ARGV[6], event = ARGV[7],
  event_id = ARGV[8]}
local entry = redis.call('XRANGE', stream, id, id)
local refused
if #entry == 0 then
  refused = bury_deleted(letter)
else
  letter.fields = entry[1][2]
  refused = bury(letter)
end
if refused then return refused end
if KEYS[4] and redis.call('GET', KEYS[4]) == 'running ' .. id then redis.call('DEL', KEYS[4]) end
if letter.cut then return 2 end
return 1
