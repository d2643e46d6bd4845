/** The hooks, rendered without a browser. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createElement, StrictMode, type ReactNode } from "react";
import { connect, type Client } from "walkwire";
import { useChannel, useClient, usePresence, useWalker, WalkwireProvider } from "walkwire/react";
import { FakeClock, FakeNetwork, settled } from "./fake.js";
import { welcome } from "./server.js";

// @ts-expect-error - it has no types here, and three functions of it are used
const { act, create } = await import("react-test-renderer");
(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;

async function connected(): Promise<{ client: Client; network: FakeNetwork }> {
  const network = new FakeNetwork();
  const client = connect({ url: "ws://server.test/websocket", clock: new FakeClock(), WebSocket: network.WebSocket });
  await settled();
  welcome(network.last!);
  return { client, network };
}

/** Render a component that uses a hook; return what the hook gave last. */
async function rendered<Value>(client: Client, hook: () => Value, isStrict = false): Promise<{ value(): Value; unmount(): Promise<void> }> {
  let value: Value;
  const Component = (): ReactNode => {
    value = hook();
    return null;
  };
  const tree = createElement(WalkwireProvider, { client }, createElement(Component));
  let root: any;
  await act(async () => void (root = create(isStrict ? createElement(StrictMode, null, tree) : tree)));
  return {
    value: () => value,
    unmount: async () => {
      await act(async () => root.unmount());
      await new Promise((resolve) => setTimeout(resolve)); // the last component leaves in a turn of its own
    },
  };
}

const events = (network: FakeNetwork) => network.last!.sent.splice(0);

async function answer(network: FakeNetwork, data: unknown): Promise<void> {
  const { id } = events(network).at(-1);
  await act(async () => network.last!.say({ type: "reply", id, ok: true, data }));
}

async function say(network: FakeNetwork, frame: object): Promise<void> {
  await act(async () => network.last!.say(frame));
}

test("useWalker walks, and has the answer or the error", async () => {
  const { client, network } = await connected();
  const { value } = await rendered(client, () => useWalker<{ choice: string }, number>("vote"));
  assert.deepEqual([value().isWalking, value().reply], [false, undefined]);
  let walking: Promise<unknown> | undefined;
  await act(async () => void (walking = value().walk({ choice: "tea" })));
  assert.equal(value().isWalking, true);
  await answer(network, { status: 200, reports: [7] });
  assert.deepEqual([value().isWalking, value().reply!.reports], [false, [7]]);
  assert.deepEqual(await walking, { status: 200, reports: [7] });
  await act(async () => void value().walk({ choice: "tea" }).catch(() => {}));
  await act(async () => network.last!.say({ type: "reply", id: events(network)[0].id, ok: false, error: { code: "refused", message: "No" } }));
  assert.equal((value().error as { code: string }).code, "refused");
  assert.deepEqual(value().reply!.reports, [7], "the last answer stays");
});

test("useWalker shows the last call only", async () => {
  const { client, network } = await connected();
  const { value } = await rendered(client, () => useWalker("search"));
  await act(async () => void value().walk({ text: "a" }));
  await act(async () => void value().walk({ text: "ab" }));
  const [first, second] = events(network);
  for (const [id, report] of [[second.id, "of ab"], [first.id, "of a"]]) {
    await say(network, { type: "reply", id, ok: true, data: { status: 200, reports: [report] } });
  }
  assert.deepEqual(value().reply!.reports, ["of ab"]);
});

for (const isStrict of [false, true]) {
  test(`useChannel is in the channel while it is mounted${isStrict ? ", in strict mode too" : ""}`, async () => {
    const { client, network } = await connected();
    const { value, unmount } = await rendered(client, () => useChannel<string>("den", { rewind: 2, keep: 2 }), isStrict);
    const joins = network.last!.sent.filter(({ type }) => type == "join");
    assert.deepEqual(joins.map(({ channels }) => channels), [[{ channel_id: "den", rewind: 2 }]]);
    await answer(network, { channels: { den: { at: "d0", recovered: null } } });
    for (const data of ["a", "b", "c"]) await say(network, { type: "channel", channel_id: "den", at: data, data });
    assert.deepEqual(value().messages.map(({ data }) => data), ["b", "c"]);
    await say(network, { type: "resync", stream: "channel", channel_id: "den", at: "d9", reason: "reset" });
    assert.equal(value().missed, "reset");
    await unmount();
    assert.deepEqual(events(network).map(({ type, channel_ids }) => [type, channel_ids]), [["leave", ["den"]]]);
  });
}

test("a channel that the application joined is not left", async () => {
  const { client, network } = await connected();
  client.channel("den");
  const { unmount } = await rendered(client, () => useChannel("den"));
  events(network);
  await unmount();
  assert.deepEqual(events(network), []);
  assert.equal(client.channels.has("den"), true);
});

test("two hooks share a channel", async () => {
  const { client, network } = await connected();
  const one = await rendered(client, () => useChannel("den"));
  const two = await rendered(client, () => usePresence("den"));
  events(network);
  await one.unmount();
  assert.deepEqual(events(network), []);
  await two.unmount();
  assert.deepEqual(events(network).map(({ type }) => type), ["leave"]);
});

test("usePresence knows who is there", async () => {
  const { client, network } = await connected();
  const { value } = await rendered(client, () => usePresence("den"));
  await answer(network, { channels: { den: { at: "d0", recovered: null, presence: { users: [{ root_id: "n::1", info: "Ada" }], count: 1 } } } });
  assert.deepEqual([value().count, [...value().members]], [1, [["n::1", "Ada"]]]);
  await say(network, { type: "presence", channel_id: "den", joined: [{ root_id: "n::2", info: "Bo" }], left: [], count: 2 });
  assert.deepEqual([...value().members.values()], ["Ada", "Bo"]);
});

test("a hook without a provider says so", async () => {
  await assert.rejects(
    async () => act(async () => void create(createElement(() => (useClient(), null)))),
    /no WalkwireProvider/,
  );
});
