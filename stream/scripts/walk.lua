-- Fragment, put in front of the scripts that look through a stream from its newest entry back.

-- walk(stream, newest, most, most_bytes, visit) calls visit(id, fields) for the entry newest and those before it, until
-- visit returns true, most entries were seen, or they held most_bytes or more, and returns whether it stopped before the
-- stream's beginning. It reads small pages, since Lua holds a page in memory whole. Not every server knows exclusive
-- bounds, so every page but the first begins with an entry that was seen.
local function walk(stream, newest, most, most_bytes, visit)
  local page, seen, bytes, first = 20, 0, 0, 1
  while true do
    local entries = redis.call('XREVRANGE', stream, newest, '-', 'COUNT', page)
    for i = first, #entries do
      local id, fields = entries[i][1], entries[i][2]
      if visit(id, fields) then return true end
      seen = seen + 1
      for _, part in ipairs(fields) do bytes = bytes + #part end
      if seen >= most or bytes >= most_bytes then return true end
    end
    if #entries < page then return false end
    newest, first = entries[#entries][1], 2
  end
end
