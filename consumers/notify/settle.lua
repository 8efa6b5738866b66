-- settle: note that an event's mail was sent, or let another delivery try.
--
-- KEYS 1 the event's marker, as in claim
-- ARGV 1 the token that claimed it, 2 the Message-ID, or '' where nothing was sent, 3 how long the marker is kept in ms
-- Reply: 1

if ARGV[2] ~= '' then
  -- Whoever holds the marker by now: the mail is out.
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
elseif redis.call('GET', KEYS[1]) == 'sending ' .. ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
