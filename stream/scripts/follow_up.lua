-- Fragment, put in front of the scripts that settle entries. Needs common.lua and envelope.lua.

-- More fields than this are not added to one entry, since a Lua call takes only so many arguments.
local most_fields = 1000

-- A chain of follow-ups ends here, so that handlers which cause one another's events do not go on for ever.
local most_depth = 16

-- texts_of(fields) is the first value of each name that is not empty.
local function texts_of(fields)
  local texts = {}
  for i = 1, #fields, 2 do
    if fields[i + 1] ~= '' and not texts[fields[i]] then texts[fields[i]] = fields[i + 1] end
  end
  return texts
end

local function name_in(texts)
  return texts['event'] or texts['event_name'] or texts['type'] or texts['ce_type']
end

-- What a follow-up says of itself is not taken over from its cause, which may be a follow-up too.
local own = {event = true, event_id = true, timestamp = true, to = true, replay_of = true, dead_reason = true,
  dead_error = true, causation = true, causation_event = true, causation_entry = true, causation_group = true,
  causation_depth = true}

-- Of a cause that no handler can read, or that has too many fields, no more than this is taken over.
local of_unreadable = {aggregate_id = true, key = true, subject = true, traceparent = true}
local of_many = {data = true, payload = true, aggregate_id = true, key = true, subject = true, traceparent = true}
local unreadable = {undecodable = true, too_large = true, data_destroyed = true}

-- chosen(only, texts, name, value) tells whether a field is one of those in only, and the first of its name that says something.
local function chosen(only, texts, name, value)
  if not only[name] then return false end
  return texts[name] == value
end

-- take_over(add, cause, texts) appends the fields of the cause. One in an envelope is taken out of it.
local function take_over(add, cause, texts)
  local fields, only = cause.fields, nil
  if unreadable[cause.reason] then
    only = of_unreadable
  elseif #fields <= 2 * most_fields and not name_in(texts) then
    fields = unwrapped(fields)
    texts = texts_of(fields)
  end
  if not only and #fields > 2 * most_fields then only = of_many end
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if not own[name] and (not only or chosen(only, texts, name, value)) then
      add[#add + 1] = name
      add[#add + 1] = value
    end
  end
end

-- depth_of(texts) is how many follow-ups the chain has up to the cause; one that somebody has made too long for a number is
-- at its end.
local function depth_of(texts)
  local digits = string.match(texts['causation_depth'] or '', '^%d+$')
  if not digits then return 0 end
  if #digits > 3 then return most_depth end
  return tonumber(digits)
end

-- follow_up_id(cause, texts) is the same whenever the same is settled in the same way. A colon in the name is written %3A,
-- so that no two causes share an ID; a requeue is told from the try before it by the entry that it repeats.
local function follow_up_id(cause, texts)
  local name = string.gsub(string.gsub(cause.event, '%%', '%%25'), ':', '%%3A')
  local id = name .. ':' .. cause.event_id .. ':' .. cause.group .. ':' .. cause.outcome
  if texts['replay_of'] then id = id .. ':' .. texts['replay_of'] end
  if #id > 256 then id = 'sha1:' .. redis.sha1hex(id) end
  return id
end

-- follow_up(cause) adds the event called cause.follow_up, unless that is '', in the step that settles the entry cause.id of
-- cause.group as cause.outcome. cause.fields is the entry's flat list of names and values, nil where the entry is gone;
-- cause.event and cause.event_id are what is known of the event. It comes before any other write: where it is refused (out
-- of memory), the error is returned and nothing has changed. Its entry's ID is left in cause.added. Where the chain is too
-- long nothing is added, and cause.cut is set.
local function follow_up(cause)
  if cause.follow_up == '' then return nil end
  cause.fields = cause.fields or {}
  local texts = texts_of(cause.fields)
  local depth = depth_of(texts) + 1
  if depth > most_depth then
    cause.cut = true
    return nil
  end
  if not cause.event or cause.event == '' then cause.event = name_in(texts) or '' end
  if cause.event_id == '' then cause.event_id = cause.id end
  local add = {'XADD', cause.stream, '*', 'event', cause.follow_up}
  take_over(add, cause, texts)
  local facts = {'event_id', follow_up_id(cause, texts), 'timestamp', whole(clock()), 'causation', cause.event_id,
    'causation_event', cause.event, 'causation_entry', cause.id, 'causation_group', cause.group,
    'causation_depth', whole(depth), 'dead_reason', cause.reason or '', 'dead_error', cause.error or ''}
  for i = 1, #facts, 2 do
    if facts[i + 1] ~= '' then
      add[#add + 1] = facts[i]
      add[#add + 1] = facts[i + 1]
    end
  end
  local added = redis.pcall(unpack(add))
  if type(added) == 'table' and added.err then return added end
  cause.added = added
end
