/** Iterators of streams: order, bounds, and the ways in which they end. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, connect, type Message, WalkwireError } from "walkwire";
import { FakeClock, FakeNetwork, settled } from "./fake.js";
import { welcome } from "./server.js";

async function inDen(): Promise<{ client: Client; network: FakeNetwork; say(data: unknown): void }> {
  const network = new FakeNetwork();
  const client = connect({ url: "ws://server.test/websocket", channels: ["den"], clock: new FakeClock(), WebSocket: network.WebSocket });
  await settled();
  welcome(network.last!, { den: "d0" });
  let count = 0;
  return { client, network, say: (data) => network.last!.say({ type: "channel", channel_id: "den", at: `d${++count}`, data }) };
}

async function read(stream: AsyncIterable<Message<any>>, most = Infinity): Promise<unknown[]> {
  const heard: unknown[] = [];
  for await (const { data } of stream) if (heard.push(data) >= most) break;
  return heard;
}

test("a loop reads what came before it began to wait, and after", async () => {
  const { client, say } = await inDen();
  const reading = read(client.channel("den"), 3);
  say(1);
  say(2);
  await settled();
  say(3);
  assert.deepEqual(await reading, [1, 2, 3]);
});

test("two loops read the same", async () => {
  const { client, say } = await inDen();
  const both = [read(client.channel("den"), 1), read(client.channel("den"), 1)];
  say(1);
  assert.deepEqual(await Promise.all(both), [[1], [1]]);
});

test("a loop that is left takes nothing more", async () => {
  const { client, say } = await inDen();
  const messages = client.channel("den").messages({ buffer: 1 });
  say(1);
  for await (const { data } of messages) {
    assert.equal(data, 1);
    break;
  }
  say(2);
  say(3); // more than the buffer: nobody minds
  assert.deepEqual(await read(messages), []);
});

test("a full buffer is an error after what it holds", async () => {
  const { client, say } = await inDen();
  const messages = client.channel("den").messages({ buffer: 2 });
  for (const data of [1, 2, 3, 4]) say(data);
  assert.equal((await messages.next()).value.data, 1);
  assert.equal((await messages.next()).value.data, 2);
  await assert.rejects(messages.next(), (error) => error instanceof WalkwireError && error.code == "too_slow");
  assert.equal((await messages.next()).done, true);
});

test("a signal ends a loop that waits with its reason", async () => {
  const { client } = await inDen();
  const stop = new AbortController();
  const reading = read(client.channel("den").messages({ signal: stop.signal }));
  const reason = new Error("enough");
  stop.abort(reason);
  await assert.rejects(reading, reason);
  await assert.rejects(read(client.channel("den").messages({ signal: stop.signal })), reason);
});

test("a loop ends with its channel and with its client", async () => {
  const { client, say } = await inDen();
  const ofChannel = read(client.channel("den"));
  const ofUser = read(client.messages("user"));
  say(1);
  client.channel("den").leave();
  assert.deepEqual(await ofChannel, [1]);
  client.close();
  assert.deepEqual(await ofUser, []);
});

test("a loop fails when the client is closed by an error", async () => {
  const { client, network } = await inDen();
  const loops = [read(client.channel("den")), read(client.messages("client"))];
  network.last!.end(4009);
  for (const loop of loops) await assert.rejects(loop, (error) => error == client.error);
});

test("a loop over the user's stream", async () => {
  const { client, network } = await inDen();
  const reading = read(client.messages("user"), 1);
  network.last!.say({ type: "user", at: "u1", data: "for Ada" });
  assert.deepEqual(await reading, ["for Ada"]);
});

test("a loop over a stream that is over ends at once", async () => {
  const { client } = await inDen();
  const den = client.channel("den");
  den.leave();
  assert.deepEqual(await read(den), []);
  client.close();
  assert.deepEqual(await read(client.messages("user")), []);
  assert.deepEqual(await read(client.channel("den")), []);
});
