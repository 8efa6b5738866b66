-- Fragment, put in front of the scripts that use it: what they share.

-- clock() is the server's time in milliseconds since 1970, as a number.
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- whole(number) is its decimal text; a large number would otherwise be written with an exponent.
local function whole(number)
  return string.format('%.0f', number)
end

-- pending(stream, group, id) is the pending entry's owner and delivery count, or nil where it is not pending.
local function pending(stream, group, id)
  local found = redis.call('XPENDING', stream, group, id, id, 1)
  if #found == 0 then return nil end
  return found[1][2], found[1][4]
end

-- size_of(fields) is how many bytes the names and values of an entry have.
local function size_of(fields)
  local bytes = 0
  for _, part in ipairs(fields) do bytes = bytes + #part end
  return bytes
end
