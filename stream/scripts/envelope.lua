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

-- content(value) is what a JSON string says, and any other value as it is written; '' for null.
local function content(value)
  if value == 'null' then return '' end
  if string.sub(value, 1, 1) ~= '"' then return value end
  if not string.find(value, '\\', 1, true) then return string.sub(value, 2, -2) end
  return cjson.decode('[' .. value .. ']')[1]
end

-- members(text) are the members of a JSON object, which cjson has read, by name and as they are written: a number would lose
-- digits in Lua, and an object its order. Their names follow, each once, in the order in which they stand there.
local function members(text)
  local found, names, at = {}, {}, string.find(text, '{', 1, true) + 1
  while true do
    at = string.find(text, '[^ \t\r\n,]', at)
    if string.sub(text, at, at) ~= '"' then return found, names end
    local last = end_of_string(text, at)
    local name = content(string.sub(text, at, last))
    at = string.find(text, '[^ \t\r\n:]', last + 1)
    last = end_of_value(text, at)
    if not found[name] then names[#names + 1] = name end
    found[name] = string.sub(text, at, last)
    at = last + 1
  end
end

-- The members that mean something of their own stand as fields where they are texts or numbers.
local known = {event = true, event_name = true, type = true, ce_type = true, event_id = true, ce_id = true, id = true,
  timestamp = true, created_at = true, occurred_on = true, time = true, aggregate_id = true, key = true, subject = true,
  replay_of = true, traceparent = true}

-- stands(name, value, has_data) tells whether a member stands as a field: without data of its own the object is the data.
local function stands(name, value, has_data)
  if known[name] then return string.find(value, '^["0-9]') ~= nil end
  return name ~= 'to' and (has_data or name == 'specversion' or string.sub(name, 1, 3) == 'ce_')
end

-- fields_in(text) are the fields that an envelope stands for, the data first: its `data` or `payload`, and the whole of it
-- where it has neither.
local function fields_in(text)
  local readable, found, names = pcall(members, text)
  if not readable then return {'data', text} end
  local inner = found['data'] and 'data' or found['payload'] and 'payload'
  local fields = {'data', inner and content(found[inner]) or text}
  for _, name in ipairs(names) do
    if name ~= inner and stands(name, found[name], inner) then
      fields[#fields + 1] = name
      fields[#fields + 1] = content(found[name])
    end
  end
  return fields
end

-- is_envelope(text) tells whether a JSON object with an event's name in it is written there.
local function is_envelope(text)
  if not string.find(text, '^[ \t\r\n]*{') then return false end
  local readable, object = pcall(cjson.decode, text)
  if not readable or type(object) ~= 'table' then return false end
  for _, key in ipairs({'event', 'event_name', 'type', 'ce_type'}) do
    if type(object[key]) == 'string' and object[key] ~= '' then return true end
  end
  return false
end

-- unwrapped(fields) are the fields of an entry in which no field is the event's name: where one alone is an envelope, what it
-- stands for comes first and then the others.
local function unwrapped(fields)
  local at
  for i = 1, #fields, 2 do
    if fields[i] ~= 'to' and is_envelope(fields[i + 1]) then
      if at then return fields end
      at = i
    end
  end
  if not at then return fields end
  local all = fields_in(fields[at + 1])
  for i = 1, #fields, 2 do
    if i ~= at then
      all[#all + 1] = fields[i]
      all[#all + 1] = fields[i + 1]
    end
  end
  return all
end
