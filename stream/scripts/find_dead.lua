-- find_dead: look through a stream of dead letters, newest first, for the one of an entry.
--
-- KEYS 1 the group's dead letters
-- ARGV 1 the entry's ID, 2 the newest dead letter to look at, or `+`, 3 how many to look at, 4 how many bytes of them
-- Reply: {the dead letter's ID or '', the last one looked at or '' at the end, how many were looked at}

local found, last, seen = '', '', 0
local more = walk(KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), function(id, fields)
  last, seen = id, seen + 1
  if fields[1] == 'dead_id' and fields[2] == ARGV[1] then
    found = id
    return true
  end
end)
return {found, more and last or '', seen}
