-- find_repeats: look through the stream, newest first, for the entries with which dead letters of an entry were requeued.
--
-- KEYS 1 the stream
-- ARGV 1 the entry that was given up, 2 the newest entry to look at, or `+`, 3 how many to look at, 4 how many bytes of them
-- Reply: {what was found as {ID, the group that it is for}; the last entry looked at, or '' at the end; how many were
--        looked at}

local found, last, seen, passed = {}, '', 0, false
local more = walk(KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), function(id, fields)
  if not id_below(ARGV[1], id) then
    passed = true
    return true
  end
  last, seen = id, seen + 1
  local to, repeats = '', false
  for i = 1, #fields, 2 do
    if fields[i] == 'to' then to = fields[i + 1] end
    if fields[i] == 'replay_of' and fields[i + 1] == ARGV[1] then repeats = true end
  end
  if repeats then found[#found + 1] = {id, to} end
end)
return {found, more and not passed and last or '', seen}
