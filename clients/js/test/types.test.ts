/** What the compiler says of calls: a line that it should refuse is marked, and is an error if it does not. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type WalkReply } from "walkwire";
import { FakeClock, FakeNetwork } from "./fake.js";

interface Walkers {
  vote: { fields: { choice: string; weight?: number }; report: number };
  list: { fields: { limit?: number }; report: { text: string } };
}

test("walkers have types", () => {
  const client = connect<Walkers>({ url: "ws://server.test/websocket", clock: new FakeClock(), WebSocket: new FakeNetwork().WebSocket });
  const calls: Promise<unknown>[] = [
    client.walk("vote", { choice: "tea" }) satisfies Promise<WalkReply<number>>,
    client.walk("vote", { choice: "tea", weight: 2 }, { key: "once", node: "n:Poll:1", signal: AbortSignal.timeout(1) }),
    client.walk("list") satisfies Promise<WalkReply<{ text: string }>>,
    // @ts-expect-error - there is no such walker
    client.walk("veto"),
    // @ts-expect-error - choice is missing
    client.walk("vote"),
    // @ts-expect-error - of the wrong type
    client.walk("vote", { choice: 1 }),
    // @ts-expect-error - there is no such field
    client.walk("list", { most: 1 }),
    // @ts-expect-error - reports are numbers
    client.walk("vote", { choice: "tea" }) satisfies Promise<WalkReply<string>>,
  ];
  for (const call of calls) call.catch(() => {});
  const den = client.channel<{ text: string }>("den");
  den.on("message", ({ data }) => data.text satisfies string);
  // @ts-expect-error - text is a string
  den.on("message", ({ data }) => data.text satisfies number);
  den.on("recovered", (event) => {
    // @ts-expect-error - what was recovered needs no reason
    event.reason;
    if (!event.recovered) event.reason satisfies string;
  });
  // @ts-expect-error - how a channel is kept is not for applications
  den.placed;
  client.close();
  assert.equal(client.state, "closed");
});

test("notifications have types", () => {
  type Told = { type: "chat"; data: { text: string } } | { type: "left"; data: number };
  const options = { url: "ws://server.test/websocket", clock: new FakeClock(), WebSocket: new FakeNetwork().WebSocket };
  const client = connect<Walkers, Told>(options);
  client.on("user", ({ data }) => data.type === "left" && (data.data satisfies number));
  client.channel("den").on("message", ({ data }) => data.type === "chat" && (data.data.text satisfies string));
  // @ts-expect-error - which one it is has to be asked first
  client.on("client", ({ data }) => data.data.text);
  // @ts-expect-error - nothing is known of it
  connect(options).channel("den").on("message", ({ data }) => data.text);
  client.close();
});

test("walkers without types take anything", () => {
  const client = connect({ url: "ws://server.test/websocket", clock: new FakeClock(), WebSocket: new FakeNetwork().WebSocket });
  client.walk("vote", { choice: "tea" }).catch(() => {});
  client.walk("anything").catch(() => {});
  client.close();
});
