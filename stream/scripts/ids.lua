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

-- checkpoint_or_beginning(text, last) is the ID after which a missing group goes on: its checkpoint, or the beginning where it
-- has none, somebody has spoilt it, or it is above the stream's last ID, since then the stream is another one.
local function checkpoint_or_beginning(text, last)
  if not text or not string.match(text, '^%d+%-%d+$') or id_below(last, text) then return '0-0' end
  return text
end
