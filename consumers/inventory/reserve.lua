-- reserve: take an order's products off the stock, all of them or none, once per event.
--
-- KEYS 1 the stock: a hash from product to quantity, 2 the event's reservation: the same, of what was reserved
-- ARGV 1 how long the reservation is kept in ms, then for each product: its ID, the quantity (a positive whole number in
--      decimal digits, without leading zeros); no product comes twice
-- Reply: {} where all was reserved, now or by an earlier delivery; else nothing was, and for each product in the way:
--        {the product, the quantity wanted, what stands in the stock (false: nothing)}
--
-- Quantities are compared as decimal text: a Lua number is exact to 2^53 only, and a stock may be up to 2^63-1.

-- A Lua call takes only so many arguments.
local chunk = 500

local most = '9223372036854775807' -- what HINCRBY can hold

local function below(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

-- covers(stock, wanted) tells whether stock is a whole number of no less than wanted.
local function covers(stock, wanted)
  if not stock or not string.match(stock, '^[1-9]%d*$') or below(most, stock) then return false end
  return not below(stock, wanted)
end

if redis.call('EXISTS', KEYS[2]) == 1 then return {} end

local short = {}
for first = 2, #ARGV, 2 * chunk do
  local products = {}
  for i = first, math.min(first + 2 * chunk - 1, #ARGV), 2 do products[#products + 1] = ARGV[i] end
  local stocks = redis.call('HMGET', KEYS[1], unpack(products))
  for i, product in ipairs(products) do
    local wanted = ARGV[first + 2 * i - 1]
    if not covers(stocks[i], wanted) then short[#short + 1] = {product, wanted, stocks[i]} end
  end
end
if #short > 0 then return short end

-- Out of memory, the first of these writes is refused, and nothing has changed.
for first = 2, #ARGV, 2 * chunk do
  redis.call('HSET', KEYS[2], unpack(ARGV, first, math.min(first + 2 * chunk - 1, #ARGV)))
end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], '-' .. ARGV[i + 1]) end
return {}
