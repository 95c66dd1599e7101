-- Idempotent appends. Each thread has one connection and is one producer.
-- Arguments: topic, payload (JSON), epoch.

local threads = 0

function setup (thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init (args)
  -- wrk asks the first thread for a request that it does not send.
  seq = id == 0 and -1 or 0
  head = "POST /topics/" .. args[1] .. "/produce HTTP/1.1\r\nHost: 127.0.0.1\r\n" ..
    "Content-Type: application/json\r\nContent-Length: "
  start = '{"payload":' .. args[2] .. ',"producer":{"id":"p' .. id .. '","epoch":' .. args[3] .. ',"seq":'
end

function request ()
  local body = start .. seq .. "}}"
  seq = seq + 1
  return head .. #body .. "\r\n\r\n" .. body
end
