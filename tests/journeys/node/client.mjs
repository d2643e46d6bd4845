// The client of clients/js in node, against real servers, over a network that breaks:
// `node client.mjs <module> <port> <port of another server> <token> <another user's token>`. Prints a line for each thing seen.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { Proxy } from "./proxy.mjs";

const [module, port, otherPort, token, othersToken] = process.argv.slice(2);
const { connect } = await import(module);
const proxy = new Proxy(Number(port));
const urlOf = (port) => `ws://127.0.0.1:${port}/websocket`;
const seen = (what) => console.log(`seen: ${what}`);
const within = (what, promise) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(reject, 60_000, new Error(`did not happen: ${what}`)).unref())]);
const next = (source, name, test = () => true) =>
  within(name, new Promise((resolve) => {
    const off = source.on(name, (event) => test(event) && (off(), resolve(event)));
  }));

/** Break the connection of `near`, and let it come back at once. Return what it is told of its channel. */
async function broken() {
  const recovered = next(den, "recovered");
  const waiting = next(near, "state", ({ state }) => state == "waiting");
  proxy.cut();
  await waiting;
  proxy.mend();
  near.wake();
  return recovered;
}

const near = connect({ url: urlOf(await proxy.open()), token: () => token, info: { name: "Ada" }, channels: ["den"], WebSocket });
const far = connect({ url: urlOf(port), token, WebSocket });
await within("both connect", Promise.all([near.ready, far.ready]));
const { clientId } = near;
const den = near.channel("den");
const heard = [];
den.on("message", ({ data }) => heard.push(data.n));
const heardAll = (last) => within(`${last} is heard`, (async () => {
  if (heard.at(-1) != last) await next(den, "message", ({ data }) => data.n == last);
})());
let n = 0;
const tell = async (count) => {
  for (let i = 0; i < count; i++) await far.sendToChannels(["den"], { n: ++n });
};

await tell(5);
await heardAll(5);
assert.deepEqual(await near.walk("count", { by: 2 }), { status: 200, reports: [2] });
seen("a connected client hears and walks");

let recovered = next(den, "recovered");
proxy.cut();
await tell(100);
const waits = near.walk("count", { by: 3 });
const toSelf = next(near, "user");
await far.sendToUsers([far.rootId], { for: "the user" });
proxy.mend();
near.wake();
assert.equal((await recovered).recovered, true);
await heardAll(105);
assert.equal((await toSelf).data.for, "the user");
assert.deepEqual((await within("the walk", waits)).reports, [5]);
assert.equal(near.clientId, clientId);
seen("a client that was cut off hears what it missed, and what it called meanwhile is done");

for (let round = 0; round < 20; round++) {
  const telling = tell(10);
  assert.equal((await broken()).recovered, true);
  await telling;
}
await heardAll(n);
seen("twenty broken connections while others send lose nothing");

let total = 5;
for (let round = 0; round < 20; round++) {
  const counted = next(far, "user", ({ data }) => data.counted == total + 1);
  const walking = near.walk("count", { by: 1 });
  if (round % 2) await counted; // done, while its answer may be under way
  await broken();
  assert.deepEqual((await within("the walk", walking)).reports, [++total]);
  await counted;
}
seen("walks whose answers are lost are done once");

recovered = next(den, "recovered");
proxy.freeze();
near.wake();
await tell(10);
await next(near, "state", ({ state }) => state == "waiting");
proxy.mend();
near.wake();
assert.equal((await recovered).recovered, true);
await heardAll(n);
seen("a link that is silent is noticed and replaced");

assert.deepEqual(heard, Array.from({ length: n }, (_, index) => index + 1));
seen("everything was heard once and in order");

const page = await den.history({ limit: 3 });
assert.deepEqual(page.messages.map(({ data }) => data.n), [n - 2, n - 1, n]);
assert.equal(page.has_more, true);
const before = await den.history({ before: page.messages[0].at, limit: 1 });
assert.deepEqual(before.messages.map(({ data }) => data.n), [n - 3]);
const rewound = far.channel("den", { rewind: 2 });
const last = [];
for await (const { data } of rewound) if (last.push(data.n) == 2) break;
assert.deepEqual(last, [n - 1, n]);
seen("history is read and rewound");

const lobby = near.channel("lobby", { presence: "list" });
const present = async (...names) => {
  const isSo = () => [...lobby.presence.members.values()].map(({ name }) => name).sort().join() == names.join();
  if (!isSo()) await next(lobby, "presence", isSo);
};
await present("Ada");
const bob = connect({ url: urlOf(port), token: othersToken, info: { name: "Bob" }, channels: ["lobby"], WebSocket });
await present("Ada", "Bob");
await broken();
await present("Ada", "Bob");
assert.equal((await lobby.members({ limit: 1 })).has_more, true);
bob.channel("lobby").leave();
await present("Ada");
bob.close();
seen("a presence list is kept up to date");

const inHall = [];
const entered = next(near, "joined");
near.on("joined", (hall) => hall.on("message", ({ data }) => inHall.push(data.n)));
await near.walk("enter", { channel_id: "hall" });
assert.equal((await entered).id, "hall");
await far.sendToChannels(["hall"], { n: 1 });
const ofHall = next(near.channel("hall"), "recovered");
await broken();
assert.equal((await ofHall).recovered, true);
const third = next(near.channel("hall"), "message", ({ data }) => data.n == 2);
await far.sendToChannels(["hall"], { n: 2 });
await third;
assert.deepEqual(inHall, [0, 1, 2]);
const gone = next(near, "left");
await near.walk("go_out", { channel_id: "hall" });
assert.equal((await gone).id, "hall");
assert.equal(near.channels.has("hall"), false);
seen("a channel into which a walker puts the client is heard, also after a broken connection, until a walker takes it out");

await assert.rejects(near.walk("count", { by: "much" }), { name: "WalkwireError", code: "bad_event" });
await assert.rejects(near.walk("nobody"), { code: "unknown_walker" });
seen("errors have their codes");

proxy.target = Number(otherPort); // another server of the same secret, which has not seen this stream
assert.equal((await broken()).recovered, false);
assert.equal(near.clientId, clientId);
seen("a server that cannot recover says so, and the session goes on");

await near.changeUser(null);
assert.equal(near.rootId, "n::000000000000000000000001");
await near.changeUser(token);
assert.equal(near.rootId, far.rootId);
await assert.rejects(near.changeUser("nonsense"), { code: "unauthenticated" });
assert.equal(near.rootId, far.rootId);
seen("a client changes its user");

const wrong = connect({ url: urlOf(port), token: "nonsense", WebSocket });
await assert.rejects(wrong.ready, { code: "unauthenticated" });
seen("a wrong token is refused");

near.close();
far.close();
proxy.close();
