-- For wrk: uploads files to the example `gate`, one after the other, and a hostile one every so often.
-- wrk -s gate.lua URL -- LIST EVERY
-- LIST has a line for each file: "good" or "hostile", its digest, its path. EVERY 0 is never.
local good, hostile, sent, every = {}, {}, 0, 0

function init(args)
  every = tonumber(args[2])
  for line in io.lines(args[1]) do
    local kind, pin, path = line:match("^(%S+) (%S+) (.*)$")
    local file = assert(io.open(path, "rb"))
    local request = wrk.format("POST", "/report", { ["x-airlock-pin"] = pin }, file:read("*a"))
    file:close()
    table.insert(kind == "good" and good or hostile, request)
  end
end

function request()
  sent = sent + 1
  if every > 0 and sent % every == 0 then
    return hostile[sent / every % #hostile + 1]
  end
  return good[sent % #good + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"us":%d,"p50_us":%d,"p99_us":%d,"refused":%d,"lost":%d}\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
