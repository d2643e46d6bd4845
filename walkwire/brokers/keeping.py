"""Keeping: the scripts that publish a message to Redis and append it to the stream of its topic, in one step and so in one order.

A stream is open if its head exists: a hash with the epoch, the offset and the bounds. A history makes it (`histories/redis`).

Each head names a life of the server, and counts only in that life. Whatever may have lost appends begins another life, and with
it other epochs:

- On a single server, the life is the value of the key `keeps`. A history sets it. It begins with the run id of the server
  process. Publishers that find no such key publish without a script.
- In a cluster, the life is the run id of the node, and publishers always use the script.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

STREAM_BYTES = 1024 * 1024  # kept of one stream; the newest entry stays, whatever its size
SPREAD_BYTES = 64 * 1024 * 1024  # kept of one message to many streams; those that are left over begin anew
RUN = 12  # characters of a run id
_CHUNK = 64  # messages in one call of a script
_CHUNK_BYTES = 256 * 1024

# The oldest entries are trimmed in blocks, which takes a fraction of the time. Readers pass over what is more than `most`.
PRELUDE = """
local run, says, prefix = ARGV[1], ARGV[2], ARGV[3]
local BYTES = BYTES_OF_A_STREAM
local first, life = 1, run
if #KEYS % 2 == 1 then
  first, life = 2, redis.call('GET', KEYS[1])
  if life and string.sub(life, 1, #run) ~= run then life = false end
end
local now = redis.call('TIME')[1]

local function head_of(number)
  local key = KEYS[first + 2 * number]
  local name = string.sub(key, #prefix + 4, -2)
  local head = {key = key, stream = KEYS[first + 2 * number + 1], name = name}
  if not life then return head end
  local found = redis.call('HMGET', key, 'life', 'epoch', 'offset', 'most', 'seconds', 'total', 'before')
  if found[1] ~= life then return head end
  head.is_open, head.epoch, head.offset = true, found[2], tonumber(found[3])
  head.most, head.seconds = tonumber(found[4]), tonumber(found[5])
  head.total, head.before = tonumber(found[6]), tonumber(found[7])
  return head
end

-- Drop what is too old, or too much; `before` is how many bytes were appended before the first that is kept, at least.
local function trim(head)
  while true do
    local oldest = redis.call('XRANGE', head.stream, '-', '+', 'COUNT', 1)[1]
    if not oldest then head.before = head.total return end
    local entry = oldest[2]
    head.before = tonumber(entry[6]) - #entry[2]
    local is_last = oldest[1] == '0-' .. head.offset
    local is_big = head.total - head.before > BYTES and not is_last
    if not is_big and now - entry[4] <= head.seconds then return end
    redis.call('XTRIM', head.stream, 'MINID', '0-' .. (tonumber(string.sub(oldest[1], 3)) + 1))
  end
end
""".replace("BYTES_OF_A_STREAM", str(STREAM_BYTES))

_APPEND = """
local heads = {}

local function add(head, message)
  local offset, total = head.offset + 1, head.total + #message
  head.offset, head.total = offset, total
  if head.most > 0 then
    redis.call('XADD', head.stream, 'MAXLEN', '~', head.most, '0-' .. offset, 'm', message, 't', now, 'b', total)
    if total - head.before > BYTES or offset % 64 == 1 then
      trim(head)
      redis.call('PEXPIRE', head.stream, redis.call('PTTL', head.key))
    end
  end
  redis.call(says, prefix .. 'r.{' .. head.name .. '}',
    head.epoch .. ' ' .. offset .. ' ' .. (offset - 1) .. '\\n' .. message)
end

local function finish(head)
  head.is_open = false
  redis.pcall('DEL', head.key, head.stream)
  redis.call(says, prefix .. 'r.{' .. head.name .. '}', '')
end

-- What cannot be appended ends the stream: it is open no longer, and begins another epoch.
local function append(number, message)
  local head = heads[number]
  if not head then
    head = head_of(number)
    heads[number] = head
  end
  if head.is_open and not pcall(add, head, message) then finish(head) end
  return head
end

local function save()
  for _, head in pairs(heads) do
    if head.is_open then
      redis.call('HSET', head.key, 'offset', head.offset, 'total', head.total, 'before', head.before)
    end
  end
end
"""

# KEYS: `keeps` on a single server; the head and the entries of each topic. ARGV: run, command, prefix, whether it is published to
# the topic itself, then the number of the topic (from 0) and the message, again and again.
APPEND = (
    PRELUDE
    + _APPEND
    + """
for at = 5, #ARGV, 2 do
  local head = append(tonumber(ARGV[at]), ARGV[at + 1])
  if ARGV[4] == '1' then redis.call(says, head.name, ARGV[at + 1]) end
end
save()
return 1
"""
)

# ARGV: run, command, prefix, the channel of all servers or nothing, the head of the message to it, the data, the head of the
# entries. An entry that is empty ends the streams.
SPREAD = (
    PRELUDE
    + _APPEND
    + """
local message = ARGV[7] .. ARGV[6]
local left = BYTES_OF_ALL
for number = 0, (#KEYS - first + 1) / 2 - 1 do
  if message == '' or left < #message then
    finish(head_of(number))
  elseif append(number, message).is_open then
    left = left - #message
  end
end
save()
if ARGV[4] ~= '' then redis.call(says, ARGV[4], ARGV[5] .. ARGV[6]) end
return 1
""".replace("BYTES_OF_ALL", str(SPREAD_BYTES))
)


class Names:
    """The names of the keys and channels of a system. Those of one topic have one hash slot."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix.encode()
        self.life = self.prefix + b"keeps"

    def keys(self, topic: str) -> tuple[bytes, bytes]:
        """Return the keys of the head and of the entries of a topic's stream."""
        tag = b"{%b%b}" % (self.prefix, topic.encode())
        return self.prefix + b"m." + tag, self.prefix + b"s." + tag

    def kept(self, topic: str) -> str:
        """Return the topic on which new entries are heard, each behind its mark."""
        return f"r.{{{self.prefix.decode()}{topic}}}"


class Calls:
    """Makes the calls of the scripts, as bytes for the socket.

    - run: the beginning of the server's run id
    - is_sharded: whether the server is a node of a cluster
    """

    def __init__(self, names: Names, run: bytes, is_sharded: bool) -> None:
        self._names = names
        self._head = (run, b"SPUBLISH" if is_sharded else b"PUBLISH", names.prefix)
        self._is_sharded = is_sharded
        self._append, self._spread = sha_of(APPEND), sha_of(SPREAD)

    def append(self, messages: Sequence[tuple[str, bytes]], publishes: bool) -> list[bytes]:
        """Return calls that append messages to the streams of their topics, and publish them to the topics as well.

        The same order of messages is kept. Each call is for the topics of one slot.
        """
        calls: list[bytes] = []
        numbers: dict[str, int] = {}
        words: list[bytes] = []
        size = 0
        flag = b"1" if publishes else b"0"

        def end() -> None:
            if words:
                keys = [key for topic in numbers for key in self._names.keys(topic)]
                calls.append(self._call(self._append, keys, (*self._head, flag, *words)))

        for topic, message in messages:
            is_full = len(words) >= 2 * _CHUNK or size > _CHUNK_BYTES
            if is_full or (self._is_sharded and numbers and topic not in numbers):
                end()
                numbers, words, size = {}, [], 0
            words += (b"%d" % numbers.setdefault(topic, len(numbers)), message)
            size += len(message)
        end()
        return calls

    def spread(
        self, topics: Sequence[str], channel: bytes, head: bytes, data: bytes, kept_head: bytes
    ) -> bytes:
        """Return a call that appends one message to many streams, and publishes it to a channel, unless that is empty."""
        keys = [key for topic in topics for key in self._names.keys(topic)]
        return self._call(self._spread, keys, (*self._head, channel, head, data, kept_head))

    def _call(self, sha: bytes, keys: list[bytes], arguments: tuple[bytes, ...]) -> bytes:
        if not self._is_sharded:
            keys = [self._names.life, *keys]
        return packed(b"EVALSHA", sha, b"%d" % len(keys), *keys, *arguments)


def sha_of(script: str) -> bytes:
    """Return the name by which the server knows a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest().encode()


def packed(*words: bytes) -> bytes:
    """Return a command as bytes for the socket."""
    pieces = [b"*%d\r\n" % len(words)]
    for word in words:
        pieces += (b"$%d\r\n" % len(word), word, b"\r\n")
    return b"".join(pieces)
