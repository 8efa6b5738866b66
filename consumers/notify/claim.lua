-- claim: begin to send an event's mail, unless it is sent already or being sent.
--
-- KEYS 1 the event's marker: 'sending <token>', or the Message-ID of the mail that was sent
-- ARGV 1 a token of this delivery's own, 2 how long it may take in ms
-- Reply: {'claimed', ''}, also where this token has it already; {'sent', the Message-ID}; {'sending', how many ms another
--        delivery may still take}

local held = redis.call('GET', KEYS[1])
if not held then
  redis.call('SET', KEYS[1], 'sending ' .. ARGV[1], 'PX', ARGV[2])
  return {'claimed', ''}
end
if held == 'sending ' .. ARGV[1] then return {'claimed', ''} end
if string.sub(held, 1, 8) == 'sending ' then
  return {'sending', tostring(redis.call('PTTL', KEYS[1]))}
end
return {'sent', held}
