-- requeue: add the event of a dead letter to the stream again and remove the letter, in one step.
--
-- KEYS 1 the stream, 2 the group's dead letters
-- ARGV 1 the dead letter's ID, 2... the fields of the entry to add: name, value, name, value ...
-- Reply: the new entry's ID, or '' where the dead letter is gone, so that a repeat adds nothing

if #redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1]) == 0 then return '' end
local add = {'XADD', KEYS[1], '*'}
for i = 2, #ARGV do add[#add + 1] = ARGV[i] end
local id = redis.call(unpack(add))
redis.call('XDEL', KEYS[2], ARGV[1])
return id
