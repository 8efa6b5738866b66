-- inspect: what there is to know of a stream and its groups, at one instant. It writes nothing.
--
-- KEYS 1 the stream, 2 the hash of registered groups
-- Reply: {the server's time in ms; how many entries; the last ID given out; the first entry's ID; the last entry's ID;
--         the groups: {name, last ID delivered, Redis' own lag or '', how many pending, the oldest pending ID or '',
--                      the consumers that hold something: name, how many, name, how many ...};
--         the hash of registered groups: field, value, field, value ...}
-- An ID that does not exist is ''.

local stream = KEYS[1]
local registered = redis.call('HGETALL', KEYS[2])
if redis.call('EXISTS', stream) == 0 then return {whole(clock()), 0, '', '', '', {}, registered} end

local function only_id(entries)
  return entries[1] and entries[1][1] or ''
end

local last_given = ''
local facts = redis.call('XINFO', 'STREAM', stream)
for i = 1, #facts, 2 do
  if facts[i] == 'last-generated-id' then last_given = facts[i + 1] end
end

local groups = {}
for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = {}
  for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
  local summary = redis.call('XPENDING', stream, group['name'])
  local holders = {}
  for _, holder in ipairs(summary[4] or {}) do
    holders[#holders + 1] = holder[1]
    holders[#holders + 1] = tostring(holder[2])
  end
  local lag = group['lag'] and whole(group['lag']) or ''
  groups[#groups + 1] = {group['name'], group['last-delivered-id'], lag, summary[1], summary[2] or '', holders}
end

return {whole(clock()), redis.call('XLEN', stream), last_given,
  only_id(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)),
  only_id(redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)), groups, registered}
