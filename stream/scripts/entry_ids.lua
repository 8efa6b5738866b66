-- entry_ids: the IDs of entries without what is in them.
--
-- KEYS 1 the stream
-- ARGV 1 the newest ID that counts, 2 how many at most, 3 how many bytes of entries to look through
-- Reply: the IDs, newest first; none where there are none

local ids = {}
walk(KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), function(id)
  ids[#ids + 1] = id
end)
return ids
