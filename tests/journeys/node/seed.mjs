// The seed's own client snippets with npm's `ws`, the library that the seed names:
// `node seed.mjs <port> <ada's token> <ada's root_id> <bob's token> <bob's root_id>`. Prints a line for each thing that was seen.

import assert from "node:assert/strict";
import WebSocket from 'ws';

const [port, adasToken, adasRoot, bobsToken, bobsRoot] = process.argv.slice(2);
const URL = `ws://localhost:${port}/websocket`;
const PUBLIC_ROOT = "n::000000000000000000000001";
const open = [];

function seen(what) {
  console.log(`seen: ${what}`);
}

// What a client heard and nobody asked for yet, in its order; `hear` gives the next.
function listening(client) {
  const waiting = [], heard = [];
  client.hear = () => new Promise((resolve) => heard.length ? resolve(heard.shift()) : waiting.push(resolve));
  client.onmessage = (event) => {
    const msg = JSON.parse(event.data);
    waiting.length ? waiting.shift()(msg) : heard.push(msg);
  };
  client.onerror = (event) => { throw new Error(event.message); };
  open.push(client);
  return client;
}

// Answered only after all that was told before.
async function heardNothing(client) {
  client.send(JSON.stringify({ "type": "connection" }));
  assert.equal((await client.hear()).type, "connection");
}

// ---- Connection ----

{
  const client = listening(new WebSocket(URL));
  const msg = await client.hear();
  assert.equal(msg.type, "connection");
  assert.equal(msg.data.root_id, PUBLIC_ROOT);
  assert.match(msg.data.client_id, /^\d+:[0-9a-f]{32}$/);
  assert.match(msg.data.channel_id, /^\d+:[0-9a-f]{32}$/);
  seen("not authenticated, a random channel");
}

{
  const client = listening(new WebSocket(URL));
  client.onopen = (event) => {
    client.send(JSON.stringify({
        "type": "change_user",
        "token": `Bearer ${adasToken}` // optional - default to public user
    }));
  };
  const [before, after] = [await client.hear(), await client.hear()];
  assert.deepEqual(after, { type: "connection", data: { ...before.data, root_id: adasRoot } });
  seen("authenticated by change_user");
  client.send(JSON.stringify({ "type": "change_user" }));
  assert.deepEqual(await client.hear(), before);
  seen("and public again");
}

const client = listening(new WebSocket(URL, {
    headers: {
        "Authorization": `Bearer ${adasToken}`
    }
}));
const me = (await client.hear()).data;
assert.equal(me.root_id, adasRoot);
seen("authenticated by the header");

const bobs = [];
for (let n = 0; n < 3; n++) {
  bobs.push(listening(new WebSocket(`${URL}?channel_id=anystring`, { headers: { "Authorization": `Bearer ${bobsToken}` } })));
}
const targets = [];
for (const bob of bobs) targets.push((await bob.hear()).data);
assert.deepEqual(targets.map((data) => [data.root_id, data.channel_id]), Array(3).fill([bobsRoot, "anystring"]));
seen("a channel of one's choice");

// ---- Publish ----

const data = {
    "type": "chat",
    "data": {
        "any_field": "any_value"
    }
};

// TRIGGER WALKER EVENT
client.send(JSON.stringify({
    "type": "walker",
    "walker": "send_chat_to_group",
    "response": true,
    "context": { "channel_id": "anystring" }
}));
assert.deepEqual(await client.hear(), { status: 200, reports: [] });
for (const bob of bobs) assert.deepEqual(await bob.hear(), { type: "chat", data: { message: "string" } });
seen("a walker event with a response");

client.send(JSON.stringify({
    "type": "walker",
    "walker": "send_chat_to_client",
    "response": false,
    "context": { "client_id": targets[2].client_id }
}));
assert.deepEqual(await bobs[2].hear(), { type: "chat", data: { message: "string" } });
await heardNothing(client);
seen("a walker event without one");

// TRIGGER CLIENT EVENT (ex: direct chat)
client.send(JSON.stringify({
    "type": "client",
    "client_ids": [targets[0].client_id],
    "data": data
}));
assert.deepEqual(await bobs[0].hear(), data);
await heardNothing(bobs[1]);
seen("a client event");

// TRIGGER CHANNEL EVENT (ex: group chat or chat blast)
client.send(JSON.stringify({
    "type": "channel",
    "channel_ids": ["anystring"],
    "data": data
}));
for (const bob of bobs) assert.deepEqual(await bob.hear(), data);
await heardNothing(client);
seen("a channel event");

// TRIGGER USER EVENT (ex: chat but all target user's client)
client.send(JSON.stringify({
    "type": "user",
    "root_ids": [bobsRoot],
    "data": data
}));
for (const bob of bobs) assert.deepEqual(await bob.hear(), data);
await heardNothing(client);
seen("a user event");

// TRIGGER CONNECTION EVENT - to get connection info)
client.send(JSON.stringify({
    "type": "connection"
}));
assert.deepEqual(await client.hear(), { type: "connection", data: me });
seen("a connection event");

for (const each of open) {
  const closed = new Promise((resolve) => { each.onclose = resolve; });
  each.close();
  assert.equal((await closed).wasClean, true);
}
seen("clean goodbyes");
