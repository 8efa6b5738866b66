-- Fragment, put in front of the scripts that settle entries: what a queue library's envelope holds, as it is written there.

-- end_of_string(text, at) is where the JSON string ends that begins at `at`.
local function end_of_string(text, at)
  local i = at + 1
  while true do
    i = string.find(text, '["\\]', i)
    if string.sub(text, i, i) == '"' then return i end
    i = i + 2
  end
end

-- end_of_value(text, at) is where the JSON value ends that begins at `at`.
local function end_of_value(text, at)
  local first = string.sub(text, at, at)
  if first == '"' then return end_of_string(text, at) end
  if first ~= '{' and first ~= '[' then return string.find(text, '[,} \t\r\n]', at) - 1 end
  local depth, i = 0, at
  while true do
    i = string.find(text, '[%[%]{}"]', i)
    local sign = string.sub(text, i, i)
    if sign == '"' then
      i = end_of_string(text, i)
    elseif sign == '{' or sign == '[' then
      depth = depth + 1
    else
      depth = depth - 1
      if depth == 0 then return i end
    end
    i = i + 1
  end
end

-- members(text) are the members of a JSON object, which cjson has read, by name and as they are written: a number would lose
-- digits in Lua, and an object its order.
local function members(text)
  local found, at = {}, string.find(text, '{', 1, true) + 1
  while true do
    at = string.find(text, '[^ \t\r\n,]', at)
    if string.sub(text, at, at) ~= '"' then return found end
    local last = end_of_string(text, at)
    local name = cjson.decode('[' .. string.sub(text, at, last) .. ']')[1]
    at = string.find(text, '[^ \t\r\n:]', last + 1)
    last = end_of_value(text, at)
    found[name] = string.sub(text, at, last)
    at = last + 1
  end
end

-- content(value) is what a JSON string says, and any other value as it is written; '' for null and where there is none.
local function content(value)
  if not value or value == 'null' then return '' end
  if string.sub(value, 1, 1) == '"' then return cjson.decode('[' .. value .. ']')[1] end
  return value
end

-- data_in(text) is the `data` or `payload` of an envelope, and the whole of it where it has neither.
local function data_in(text)
  local readable, found = pcall(members, text)
  if not readable or not (found['data'] or found['payload']) then return text end
  local data = content(found['data'])
  if data == '' then data = content(found['payload']) end
  if data == '' then return '{}' end
  return data
end
