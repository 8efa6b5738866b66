-- trim: remove the entries that every group has finished and that are older than the retention.
--
-- KEYS 1 the stream, 2 the hash of registered groups
-- ARGV 1 the retention in ms, 2 `1` to find out what would be done and leave the stream alone
-- Reply: {how many groups exist or are registered; the ID below which entries are finished and old enough, '' where there
--         is no group, so that nothing may go; how many were removed;
--         the groups that need an entry older than the retention: {name, the oldest entry needed, when the group was last
--         seen in ms or '', `1` where the group is missing}}
--
-- What a group needs is its oldest pending entry, else the first that was not delivered to it. A registered group that is
-- missing needs what comes after its checkpoint, and everything where it has none or one above the stream's last ID:
-- that is where it would be created again.

local stream, registered = KEYS[1], KEYS[2]
local oldest_kept = whole(math.max(0, clock() - tonumber(ARGV[1]))) .. '-0'
local groups, held_back = 0, {}
local up_to = oldest_kept
local there = redis.call('EXISTS', stream) == 1

-- first_after(id) is the first entry above id, or nil.
local function first_after(id)
  for _, entry in ipairs(redis.call('XRANGE', stream, id, '+', 'COUNT', 2)) do
    if entry[1] ~= id then return entry[1] end
  end
end

-- keep(group, id, missing) holds the trim back at id, the oldest entry that the group needs; nil: it needs none.
local function keep(group, id, missing)
  groups = groups + 1
  if not id or not id_below(id, oldest_kept) then return end
  held_back[#held_back + 1] = {group, id, redis.call('HGET', registered, group .. ':seen') or '', missing}
  if id_below(id, up_to) then up_to = id end
end

local exists, last = {}, '0-0'
if there then
  local facts = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #facts, 2 do
    if facts[i] == 'last-generated-id' then last = facts[i + 1] end
  end
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group = {}
    for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
    exists[group['name']] = true
    local summary = redis.call('XPENDING', stream, group['name'])
    local oldest_pending = summary[1] > 0 and summary[2]
    keep(group['name'], oldest_pending or first_after(group['last-delivered-id']), '0')
  end
end
for _, group in ipairs(redis.call('HKEYS', registered)) do
  if not string.find(group, ':', 1, true) and not exists[group] then
    local checkpoint = redis.call('HGET', registered, group .. ':checkpoint')
    keep(group, first_after(checkpoint_or_beginning(checkpoint, last)), '1')
  end
end

if groups == 0 then return {0, '', 0, {}} end
local removed = 0
if there and ARGV[2] ~= '1' then removed = redis.call('XTRIM', stream, 'MINID', '=', up_to) end
return {groups, up_to, removed, held_back}
