-- sweep: look through one page of a group's pending list, give up what is exhausted, take what is due.
--
-- KEYS 1 the stream, 2 the group's dead letters, 3 the group's hash of notes, 4 the hash of registered groups,
--      5 the group's hash of consumers, 6 the guard that says who sweeps
-- ARGV 1 group, 2 consumer, 3 the lease in ms, 4 max deliveries, 5 the ID to begin at or `-`, 6 how many entries to look at,
--      7 how many to take at most (0: show life, no more), 8 how many bytes to take at most, but for the first entry,
--      9 until when silent consumers may be robbed, by the server's clock in ms (`0` for one lease after an outage), 10 `1`
--      where nothing else is in hand, so that a suspect may be taken, 11 remove consumers that are empty and silent for
--      longer than this in ms (0: none now), 12 how long the guard stands in ms, 13 how often an orphan has been delivered
--      when it counts as a suspect, 14 the name of the event that follows a dead letter or ''
-- Reply: {the ID to go on at, '' at the end of the list; the deliveries taken as {ID, delivery count, note or '', fields};
--        the dead letters written as {ID, reason, deliveries, 1 where nothing follows since the chain is too long, else 0};
--        1 where a suspect had to be left, else 0; the consumers removed; why a write was refused, '' where none was; how
--        many entries the consumer seems to have forgotten, 0 where none; the server's clock in ms}
--
-- Due is: under `waiting`, when the note's time has come (at once where there is no note); under any other name, when the
-- owner has been silent for a lease. What is under the consumer's own name is in its hands and is left alone; where it was
-- not renewed for a lease, that is reported, since the consumer may not know of it.
--
-- An orphan is an entry whose last delivery left no note: its process was killed or stalled, perhaps by this very entry.
--
-- A page ends at a suspect that it has to leave, and the next one begins there. So nothing else is taken until the hands are
-- empty, or another consumer has taken the suspect: retries that come due one after the other would keep it out for ever.
--
-- One consumer sweeps at a time. One that leaves a suspect gives the guard up, and does not take it again on the pages that
-- follow: what it has in hand may keep it for long, and another one may have nothing in hand.
--
-- A page that was held up on its way, or by a server that stood still, comes before the renewals that were held up with it.
-- So there is a time after which it robs nobody.
--
-- A clock that was set ahead makes all of that due at once. One that was set back by more than a lease would leave it alone
-- until the time has come again that it showed before. So what was delivered in the future, as Redis sees it now, waits no
-- longer if it waited for a retry, and has its owner's silence counted from now on if it has one; and the guard of a
-- consumer that showed life in the future, or not for a lease, guards nothing.
--
-- Where nothing is pending no note means anything. One is left where an XACK was so late on its way that the entry had been
-- with others meanwhile, who had noted a failure.
--
-- Under a memory limit Redis refuses what adds data. Signs of life and dead letters are done without then, and reported;
-- taking over goes on, since work that gets done is what frees memory.

local stream, dead, attempts, groups, consumers, guard = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local group, me = ARGV[1], ARGV[2]
local lease, max_deliveries = tonumber(ARGV[3]), tonumber(ARGV[4])
local from, page, room, room_bytes = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local alone, silent_for, suspect_after = ARGV[10] == '1', tonumber(ARGV[11]), tonumber(ARGV[13])

local now = clock()
local may_rob = now < tonumber(ARGV[9])
local taken, buried, suspects, removed, refused, forgotten = {}, {}, 0, {}, '', 0

-- attempt(...) runs a command that may be refused, and keeps the reason.
local function attempt(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then refused = reply.err end
end

-- just_below(id) is the largest ID below id; one with a half too long for a Lua number has the beginning below it.
local function just_below(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  if #ms > 15 or #seq > 15 then return '0-0' end
  if seq ~= '0' then return ms .. '-' .. whole(tonumber(seq) - 1) end
  if ms == '0' then return '0-0' end
  return whole(tonumber(ms) - 1) .. '-18446744073709551615'
end

-- checkpoint() is where the group would have to go on if it went missing: just below its oldest pending entry, else at
-- the last one delivered.
local function checkpoint()
  local summary = redis.call('XPENDING', stream, group)
  if summary[1] > 0 and summary[2] then return just_below(summary[2]) end
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local facts = {}
    for i = 1, #info, 2 do facts[info[i]] = info[i + 1] end
    if facts['name'] == group then return facts['last-delivered-id'] end
  end
end

-- sweeps(name) tells whether the holder of the guard may be sweeping.
local function sweeps(name)
  local life = tonumber(redis.pcall('HGET', consumers, name))
  return life and life <= now + lease and life > now - lease
end

-- remove_silent() removes the names that nothing is pending under and that showed no life for silent_for.
local function remove_silent()
  local seen, lives = {}, redis.call('HGETALL', consumers)
  for i = 1, #lives, 2 do
    local life = tonumber(lives[i + 1]) or 0
    if life > now + lease then
      life = now
      attempt('HSET', consumers, lives[i], whole(now))
    end
    seen[lives[i]] = life
  end
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local name = info[2]
    if not seen[name] and name ~= 'waiting' then
      seen[name] = now
      attempt('HSET', consumers, name, whole(now))
    end
  end
  for name, life in pairs(seen) do
    if name ~= me and now - life > silent_for and #redis.call('XPENDING', stream, group, '-', '+', 1, name) == 0 then
      redis.call('XGROUP', 'DELCONSUMER', stream, group, name)
      redis.call('HDEL', consumers, name)
      removed[#removed + 1] = name
    end
  end
end

-- note_of(text) is a note decoded; one that somebody has spoilt by hand counts as none.
local function note_of(text)
  if not text then return nil end
  local readable, note = pcall(cjson.decode, text)
  if not readable or type(note) ~= 'table' or type(note.tries) ~= 'number' or type(note.next) ~= 'number' or
    type(note.consumer) ~= 'string' or note.consumer == '' or note.next <= 0 then
    return nil
  end
  if type(note.error) ~= 'string' then note.error = '' end
  return note
end

local function is_due(owner, idle, note)
  if owner == 'waiting' then return not note or note.next <= now end
  return may_rob and owner ~= me and idle >= lease
end

-- is_ahead(id, idle) tells whether an entry was delivered or renewed more than a lease after now. Its idle time does not
-- tell: Redis lets none be below zero, except when it compares them.
local function is_ahead(id, idle)
  return idle == 0 and #redis.call('XPENDING', stream, group, 'IDLE', whole(-lease), id, id, 1) == 0
end

-- exhausted(letter, note) gives up an entry that has been delivered as often as it may be, before any handler runs.
local function exhausted(letter, note)
  letter.reason = 'max_deliveries'
  if note and note.tries == letter.deliveries then
    letter.error = note.error
  else
    letter.error = 'the last delivery ended without a word: the process of consumer ' .. letter.consumer ..
      ' was killed or stalled, perhaps by this event'
  end
  return bury(letter)
end

-- give_up(letter, note) writes the dead letter of an entry that was deleted or is exhausted.
local function give_up(letter, note)
  local fault
  if letter.fields then fault = exhausted(letter, note) else fault = bury_deleted(letter) end
  if fault then
    refused = fault.err
  else
    buried[#buried + 1] = {letter.id, letter.reason, letter.deliveries, letter.cut and 1 or 0}
  end
end

-- count_silence(id, owner, deliveries) has an entry's idle time begin now.
local function count_silence(id, owner, deliveries)
  if is_there(stream, id) then
    redis.call('XCLAIM', stream, group, owner, 0, id, 'RETRYCOUNT', deliveries, 'JUSTID')
  else
    give_up({stream = stream, dead = dead, attempts = attempts, group = group, id = id, follow_up = ARGV[14],
      deliveries = deliveries, consumer = owner})
  end
end

local function reply(next_id)
  if suspects > 0 then redis.call('DEL', guard) end
  return {next_id, taken, buried, suspects, removed, refused, forgotten, now}
end

attempt('HSET', consumers, me, whole(now))
if room == 0 then return reply('') end
local sweeper = redis.call('GET', guard)
if sweeper and sweeper ~= me and sweeps(sweeper) then return reply('') end
if sweeper or from == '-' then attempt('SET', guard, me, 'PX', ARGV[12]) end

if from == '-' then
  if redis.call('XPENDING', stream, group)[1] == 0 then redis.call('DEL', attempts) end
  attempt('HSET', groups, group .. ':seen', whole(now))
  attempt('HSET', groups, group .. ':checkpoint', checkpoint() or '0-0')
end
if silent_for > 0 then remove_silent() end

local found = redis.call('XPENDING', stream, group, from, '+', page)
local notes = {}
if #found > 0 then
  local ids = {}
  for i = 1, #found do ids[i] = found[i][1] end
  notes = redis.call('HMGET', attempts, unpack(ids))
end

local bytes = 0
for i = 1, #found do
  local id, owner, idle, deliveries = found[i][1], found[i][2], found[i][3], found[i][4]
  local note = note_of(notes[i])
  if owner == me and idle >= lease then forgotten = forgotten + 1 end
  local due = is_due(owner, idle, note)
  if not due and owner ~= me and is_ahead(id, idle) then
    due = owner == 'waiting'
    if not due then count_silence(id, owner, deliveries) end
  end
  if due then
    local entry = redis.call('XRANGE', stream, id, id)
    local letter = {stream = stream, dead = dead, attempts = attempts, group = group, id = id, follow_up = ARGV[14],
      deliveries = deliveries, consumer = owner == 'waiting' and note and note.consumer or owner,
      fields = entry[1] and entry[1][2]}
    local suspect = deliveries >= suspect_after and not (note and note.tries == deliveries)
    if #entry == 0 or deliveries >= max_deliveries then
      give_up(letter, note)
    elseif suspect and not (alone and #taken == 0) then
      suspects = 1
      return reply(id)
    elseif #taken == room or (#taken > 0 and bytes + size_of(entry[1][2]) > room_bytes) then
      return reply(id)
    else
      redis.call('XAUTOCLAIM', stream, group, me, 0, id, 'COUNT', 1)
      bytes = bytes + size_of(entry[1][2])
      taken[#taken + 1] = {id, deliveries + 1, notes[i] or '', entry[1][2]}
      if suspect then return reply(id) end
    end
  end
end

local last = ''
if #found == page then last = found[#found][1] end
return reply(last)
