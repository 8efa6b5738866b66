-- publish_batch: add the events of a batch in their order, each of them once: a repeat within the marker's life finds the
-- first entries, and adds only what is missing.
--
-- KEYS 1 the stream, 2 the marker of the batch, named after its content: `first ID` `count` for each run of entries that
--      follow one another (`1763700000000-0 100`), all parted by spaces
-- ARGV 1 the marker's life in ms, 2... for each event: how many words follow, then field, value, field, value ...
-- Reply: {how many of the events the marker told of; first ID, count, first ID, count ... of all}
--
-- The marker is written before the first entry: a Redis that refuses it, being out of memory, a replica or without the
-- permission, refuses before anything has changed. Where an entry is refused although those before it were not, the
-- marker tells of those, and a repeat goes on behind them. A repeat begins the marker's life anew, which is also the write
-- that a WAIT behind it waits for.

local stream, marker, life = KEYS[1], KEYS[2], ARGV[1]
local runs, known = {}, 0
local text = redis.call('GET', marker)
for id, count in string.gmatch(text or '', '(%S+) (%d+)') do
  runs[#runs + 1] = id
  runs[#runs + 1] = tonumber(count)
  known = known + count
end
if text then
  redis.call('PEXPIRE', marker, life)
else
  redis.call('SET', marker, '', 'PX', life)
end

-- `milliseconds-*` is the ID behind the last one, so a run needs no arithmetic, for which a Lua number with its 53 bits is
-- too short. It is refused where no sequence number is left, or by a server that does not know it; `*` begins a new run.
local follow

-- add(first, last) adds an entry with the fields ARGV[first] to ARGV[last]. It returns the error, or nothing.
local function add(first, last)
  if follow and type(redis.pcall('XADD', stream, follow, unpack(ARGV, first, last))) == 'string' then
    runs[#runs] = runs[#runs] + 1
    return
  end
  local id = redis.pcall('XADD', stream, '*', unpack(ARGV, first, last))
  if type(id) ~= 'string' then return id end
  runs[#runs + 1] = id
  runs[#runs + 1] = 1
  follow = string.match(id, '%d+') .. '-*'
end

local at, number, refusal = 2, 0, nil
while ARGV[at] and not refusal do
  local last = at + ARGV[at]
  number = number + 1
  if number > known then refusal = add(at + 1, last) end
  at = last + 1
end
if follow then redis.call('SET', marker, table.concat(runs, ' '), 'PX', life) end
return refusal or {known, unpack(runs)}
