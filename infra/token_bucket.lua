-- One batch of charges against the token buckets, decided in order and at one moment.
--
-- ARGV[1]: MessagePack made by infra/token_bucket.py. Answers with one letter per charge (c charged, f admitted free,
-- d denied, x expired, w admitted by a dry run alone), the time, then (tokens, units, at) of each bucket as it was
-- before the first charge.
-- Key names are made here from what is asked, so this needs one Redis, not a cluster.
-- The arithmetic is that of infra/bucket.py on pairs (tokens, units), so that no number passes 2^53.

redis.replicate_commands() -- before Redis 7, TIME and writes would else not go together

local UNITS, MICRO = 3600000000, 1000000
local floor, format, byte = math.floor, string.format, string.byte
local given = cmsgpack.unpack(ARGV[1])
local asked, terms, now = given.asked, given.terms, given.now
local log, prefix = asked.log, terms.prefix
if not now then
  local time = redis.call('TIME')
  now = time[1] * MICRO + time[2]
end

-- `unpack` takes a few thousand values at most.
local function in_slices(list, visit)
  for first = 1, #list, 1000 do
    visit(first, math.min(first + 999, #list))
  end
end

-- Buckets ---------------------------------------------------------------------------------------------

local function settle(packed, rate, size)
  if not packed then
    return size, 0, now, false
  end
  local tokens, units, at, old_rate, old_size = string.match(packed, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  tokens, units, at = tonumber(tokens), tonumber(units), tonumber(at)
  old_rate, old_size = tonumber(old_rate), tonumber(old_size)
  if now > at then
    local seconds = floor((now - at) / MICRO)
    if seconds * old_rate >= old_size * 3600 then
      tokens, units = old_size, 0
    else
      local carried = (seconds * old_rate % 3600) * MICRO + (now - at) % MICRO * old_rate + units
      tokens = tokens + floor(seconds * old_rate / 3600) + floor(carried / UNITS)
      units = carried % UNITS
    end
    at = now
  end
  if tokens >= old_size then
    tokens, units = old_size, 0
  end
  if tokens >= size then
    tokens, units = size, 0
  end
  return tokens, units, at, old_rate ~= rate or old_size ~= size
end

local names, answer = {}, {'', now}
for b, id in ipairs(asked.buckets) do
  names[b] = prefix .. ':bucket:' .. id
end
local tokens, units, at, changed = {}, {}, {}, {}
in_slices(names, function(first, last)
  local packed = redis.call('MGET', unpack(names, first, last))
  for b = first, last do
    tokens[b], units[b], at[b], changed[b] = settle(packed[b - first + 1], asked.rates[b], asked.sizes[b])
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = tokens[b], units[b], at[b]
  end
end)

-- What was decided before -----------------------------------------------------------------------------

local of_bucket, of_partition = asked.of_bucket, asked.of_partition
local offsets, identities, costs, expired = asked.offsets, asked.identities, asked.costs, asked.expired
local partitions, seen = asked.partitions, {}
for p, partition in ipairs(partitions) do
  seen[p] = tonumber(redis.call('GET', prefix .. ':seen:' .. log .. ':' .. partition) or -1)
end

-- Two bits an offset, in strings of CHUNK offsets that are there only where something was refused.
local CHUNK, LETTERS, CODES = 2048, {[0] = 'f', 'd', 'x', 'w'}, {d = 1, x = 2, w = 3}
local chunks, refused = {}, {}

-- A number for each chunk of each partition.
local function place(p, offset)
  return floor(offset / CHUNK) * #partitions + p - 1
end

local function chunk_name(here)
  local p, chunk = here % #partitions + 1, floor(here / #partitions)
  return format('%s:refused:%s:%.0f:%.0f', prefix, log, partitions[p], chunk)
end

local function decided(p, offset)
  local here, n = place(p, offset), offset % CHUNK
  chunks[here] = chunks[here] or redis.call('GET', chunk_name(here)) or ''
  local octet = byte(chunks[here], floor(n / 4) + 1) or 0
  return refused[here] and refused[here][n] or LETTERS[floor(octet / 4 ^ (3 - n % 4)) % 4]
end

-- Lists with their lengths: Lua would search for the end of one each time that something is added.
local function add(lists, lengths, b, value)
  local list = lists[b]
  if not list then
    list, lengths[b] = {}, 0
    lists[b] = list
  end
  local length = lengths[b] + 1
  list[length], lengths[b] = value, length
end

local asking, asked_for, generation = {}, {}, floor(now / MICRO / terms.window)
for i = 1, #offsets do
  if offsets[i] > seen[of_partition[i] + 1] then
    add(asking, asked_for, of_bucket[i] + 1, identities[i])
  end
end

local function ids(b, age)
  return format('%s:ids:%s:%.0f', prefix, asked.buckets[b], generation - age)
end

local admitted = {}
for b, list in pairs(asking) do
  local known = {}
  admitted[b] = known
  for age = 0, 1 do
    in_slices(list, function(first, last)
      local found = redis.call('SMISMEMBER', ids(b, age), unpack(list, first, last))
      for n = 1, #found do
        if found[n] == 1 then
          known[list[first + n - 1]] = true
        end
      end
    end)
  end
end

-- Decisions -------------------------------------------------------------------------------------------

local letters, fresh, added, moved, denied = {}, {}, {}, {}, terms.dry_run and 'w' or 'd'
for i = 1, #offsets do
  local offset, b, p, letter = offsets[i], of_bucket[i] + 1, of_partition[i] + 1, nil
  if offset <= seen[p] then
    letter = decided(p, offset)
  else
    seen[p], moved[p] = offset, true
    local identity, cost, known = identities[i], costs[i], admitted[b]
    if known[identity] then
      letter = 'f'
    elseif expired[i] then
      letter = 'x'
    elseif tokens[b] >= cost then
      letter = 'c'
      tokens[b], changed[b] = tokens[b] - cost, changed[b] or cost > 0
    else
      letter = denied
    end
    if letter == 'c' or letter == 'w' then
      known[identity] = true
      add(fresh, added, b, identity)
    end
    if CODES[letter] then
      local here = place(p, offset)
      refused[here] = refused[here] or {}
      refused[here][offset % CHUNK] = letter
    end
  end
  letters[i] = letter
end
answer[1] = table.concat(letters)

-- Writes ----------------------------------------------------------------------------------------------

for b, name in ipairs(names) do
  if changed[b] then
    local rate, size = asked.rates[b], asked.sizes[b]
    local packed = format('%.0f %.0f %.0f %.0f %.0f', tokens[b], units[b], at[b], rate, size)
    -- Never forgotten before it is full: then it is as good as new.
    redis.call('SET', name, packed, 'EX', format('%.0f', math.ceil(size / rate * 3600) + 60))
  end
end

-- A charge of no record does not come again: nothing more is kept of it.
if log == '' then
  return answer
end

for b, list in pairs(fresh) do
  in_slices(list, function(first, last)
    redis.call('SADD', ids(b, 0), unpack(list, first, last))
  end)
  redis.call('EXPIRE', ids(b, 0), format('%.0f', 2 * terms.window))
end

for here, those in pairs(refused) do
  local name, list = chunk_name(here), {}
  for n, letter in pairs(those) do
    local last = #list
    list[last + 1], list[last + 2], list[last + 3], list[last + 4] = 'SET', 'u2', n * 2, CODES[letter]
  end
  in_slices(list, function(first, last)
    redis.call('BITFIELD', name, unpack(list, first, last))
  end)
  redis.call('EXPIRE', name, terms.keep)
end

for p in pairs(moved) do
  redis.call('SET', prefix .. ':seen:' .. log .. ':' .. partitions[p], format('%.0f', seen[p]), 'EX', terms.keep)
end

return answer
