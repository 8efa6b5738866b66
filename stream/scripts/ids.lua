-- Fragment, put in front of the scripts that compare entry IDs. A Lua number holds 53 bits and half an ID has 64, so IDs
-- are compared as decimal text: the longer half is the larger one.

local function below(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

-- id_below(a, b) tells whether the ID a comes before the ID b.
local function id_below(a, b)
  local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
  if a_ms ~= b_ms then return below(a_ms, b_ms) end
  return below(a_seq, b_seq)
end

-- id_or_zero(text) is text where it is an ID, else 0-0: a checkpoint that somebody has spoilt by hand counts as none.
local function id_or_zero(text)
  if text and string.match(text, '^%d+%-%d+$') then return text end
  return '0-0'
end
