-- leave: remove a consumer's name, if nothing is pending under it. Checked and removed in one step, since XGROUP
-- DELCONSUMER would take what is pending with it.
--
-- KEYS 1 the stream, 2 the group's hash of consumers
-- ARGV 1 group, 2 consumer
-- Reply: 1 where the name is gone, 0 where something is pending under it

if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[2])
return 1
