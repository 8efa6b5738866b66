-- advance: move an order's status forward, and record what was reported of it, once per event.
--
-- KEYS 1 the order: a hash, 2 its history: a stream, 3 the event's marker: the reply to its first delivery
-- ARGV 1 how long all of it is kept in ms, 2 how many entries the history keeps, 3 the status that is reported,
--      4 every status, the first first, parted by spaces, 5 the event's name, 6 its ID, 7 its own time in ms,
--      8 the carrier, 9 the tracking number, 10 the order number; '' where the event does not say
-- Reply: {the order's status now, 'yes' where this event moved it there and else 'no'}; the same to every delivery

local rank = {}
local count = 0
for status in string.gmatch(ARGV[4], '%S+') do
  count = count + 1
  rank[status] = count
end

local marker = redis.call('GET', KEYS[3])
if marker then
  local status, applied = string.match(marker, '^(%S*) (%S+)$')
  return {status, applied}
end

-- These reads fail on a key of another type before anything is written.
local current = redis.call('HGET', KEYS[1], 'status') or ''
redis.call('XLEN', KEYS[2])

local status, applied = current, 'no'
if rank[ARGV[3]] > (rank[current] or 0) then status, applied = ARGV[3], 'yes' end

-- Out of memory, the first write is refused, and nothing has changed.
redis.call('SET', KEYS[3], status .. ' ' .. applied, 'PX', ARGV[1])

local known = {carrier = ARGV[8], tracking_number = ARGV[9], order_no = ARGV[10]}
for _, field in ipairs({'carrier', 'tracking_number', 'order_no'}) do
  if known[field] ~= '' then
    -- What a late event knows fills gaps alone.
    redis.call(applied == 'yes' and 'HSET' or 'HSETNX', KEYS[1], field, known[field])
  end
end
if applied == 'yes' then
  local time = redis.call('TIME')
  local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('HSET', KEYS[1], 'status', status, 'updated_at', now, 'event', ARGV[5], 'event_id', ARGV[6])
end

local entry = {'status', ARGV[3], 'event', ARGV[5], 'event_id', ARGV[6], 'happened_at', ARGV[7], 'applied', applied}
for _, field in ipairs({'carrier', 'tracking_number'}) do
  if known[field] ~= '' then
    entry[#entry + 1] = field
    entry[#entry + 1] = known[field]
  end
end
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[2], '*', unpack(entry))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return {status, applied}
