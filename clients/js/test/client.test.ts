/** What the fixtures do not say: how the client is made, what it is made of, and real sockets. */

import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type Client, type ClientOptions, connect, type StateChange, WalkwireError } from "walkwire";
import WebSocket, { WebSocketServer } from "ws";
import { FakeClock, FakeNetwork, FakePage, FakeStorage, settled } from "./fake.js";
import { welcome } from "./server.js";

function made(options: Partial<ClientOptions> = {}): { client: Client; network: FakeNetwork; clock: FakeClock } {
  const network = new FakeNetwork();
  const clock = new FakeClock();
  const client = connect({ url: "ws://server.test/websocket", clock, WebSocket: network.WebSocket, ...options });
  return { client, network, clock };
}

test("URLs of http are those of sockets", async () => {
  const { network } = made({ url: "https://server.test:8000/websocket?ticket=1" });
  await settled();
  assert.equal(network.last!.url, "wss://server.test:8000/websocket?ticket=1");
});

test("a URL that is none, and an environment without WebSocket, are errors of the caller", () => {
  assert.throws(() => made({ url: "/websocket" }), TypeError);
  assert.throws(() => connect({ url: "ws://server.test/websocket", WebSocket: undefined }), /pass one as the option WebSocket/);
});

test("a server without version 2 closes the client", async () => {
  const { client, network } = made();
  await settled();
  network.last!.accept("");
  await assert.rejects(client.ready, (error) => error instanceof WalkwireError && error.code == "protocol");
  assert.equal(client.state, "closed");
});

test("a socket that the browser forbids closes the client", async () => {
  class Forbidden {
    constructor() {
      throw new Error("SecurityError");
    }
  }
  const { client } = made({ WebSocket: Forbidden as any });
  await assert.rejects(client.ready, (error) => error instanceof WalkwireError && error.code == "refused");
});

test("a client that is ready knows who it is", async () => {
  const { client, network } = made();
  await settled();
  welcome(network.last!);
  await client.ready;
  assert.deepEqual([client.clientId, client.rootId, client.state, client.error], ["c1", "n::1", "connected", undefined]);
});

test("another user whose token function fails is an error of the client, and nothing has changed", async () => {
  const { client, network } = made({ token: "A" });
  await settled();
  welcome(network.last!);
  const changing = client.changeUser(() => Promise.reject(new Error("no network")));
  await assert.rejects(changing, (error) => error instanceof WalkwireError && error.code == "unauthenticated" && /no network/.test(error.message));
  assert.equal(client.state, "connected");
});

test("another user who is asked for while the connection breaks is the user of the next one", async () => {
  const { client, network, clock } = made({ token: "A" });
  await settled();
  welcome(network.last!);
  const asked: boolean[] = [];
  const changing = client.changeUser(({ renew }) => {
    return asked.push(renew) == 1 ? new Promise<string>(() => {}) : "B";
  });
  await settled();
  network.last!.end(1006);
  await settled();
  await clock.advance(1000);
  await settled();
  network.last!.accept();
  assert.equal(network.last!.sent[0].token, "B");
  welcome(network.last!);
  await changing;
  assert.deepEqual(asked, [true, true]);
});

test("another user who is asked for when the client is closed is an error of the client", async () => {
  const { client, network } = made();
  await settled();
  welcome(network.last!);
  const changing = client.changeUser(() => new Promise(() => {}));
  client.close();
  for (const change of [changing, client.changeUser("B")]) {
    await assert.rejects(change, (error) => error instanceof WalkwireError && error.code == "closed");
  }
});

test("every walk has another key", async () => {
  const { client, network } = made();
  await settled();
  welcome(network.last!);
  for (let count = 0; count < 100; count++) client.walk("vote").catch(() => {});
  const keys = network.last!.sent.map(({ key }) => key);
  assert.equal(new Set(keys).size, 100);
  assert.ok(keys.every((key) => /^[0-9a-f]{32}$/.test(key)), keys[0]);
  client.close();
});

test("an event that is no JSON fails alone", async () => {
  const { client } = made();
  await assert.rejects(client.walk("vote", { self: 1n }), TypeError);
  client.close();
});

test("a signal that has aborted already sends nothing", async () => {
  const { client, network } = made();
  await settled();
  welcome(network.last!);
  const signal = AbortSignal.abort();
  await assert.rejects(client.walk("vote", {}, { signal }), (error) => error == signal.reason);
  assert.deepEqual(network.last!.sent, []);
});

test("one id is one channel, and presence can be asked for later", async () => {
  const { client, network } = made({ channels: ["den", { id: "hall", rewind: 5 }] });
  await settled();
  const { channels } = welcome(network.last!, { den: "d0", hall: "h0" });
  assert.deepEqual(channels, [{ channel_id: "den" }, { channel_id: "hall", rewind: 5 }]);
  const den = client.channel("den");
  assert.equal(client.channel("den"), den);
  assert.deepEqual(network.last!.sent, []);
  assert.equal(client.channel("den", { presence: "list" }), den);
  assert.deepEqual(network.last!.sent.map(({ type, channels }) => [type, channels]), [
    ["join", [{ channel_id: "den", at: "d0", presence: "list" }]],
  ]);
});

test("a handler may close the client, whatever it is told", async () => {
  for (const name of ["state", "recovered"] as const) {
    const { client, network } = made();
    await settled();
    client.on(name, () => client.close());
    network.last!.accept();
    const place = { at: "a", recovered: true };
    const data = { client_id: "c1", root_id: "n::1", session: "S", streams: { user: place, client: place, channels: {} } };
    network.last!.say({ type: "reply", id: network.last!.sent[0].id, ok: true, data });
    await settled();
    assert.equal(client.state, "closed", name);
    assert.equal(network.sockets.length, 1);
  }
});

test("handlers can be taken away", async () => {
  const { client, network } = made();
  await settled();
  const heard: unknown[] = [];
  const off = client.on("user", ({ data }) => heard.push(data));
  welcome(network.last!);
  network.last!.say({ type: "user", at: "u1", data: 1 });
  off();
  network.last!.say({ type: "user", at: "u2", data: 2 });
  assert.deepEqual(heard, [1]);
});

test("a hidden page wakes nothing, and a closed client no longer listens", async () => {
  const page = new FakePage();
  const { client, network } = made({ page });
  await settled();
  welcome(network.last!);
  page.document.visibilityState = "hidden";
  page.tell("visibilitychange");
  assert.deepEqual(network.last!.sent, []);
  page.document.visibilityState = "visible";
  page.tell("visibilitychange");
  page.tell("focus");
  assert.deepEqual(network.last!.sent.map(({ type }) => type), ["ping"], "one ping for both");
  client.close();
  page.tell("online");
  await settled();
  assert.equal(network.sockets.length, 1);
});

test("a page from the browser's cache takes its session back", async () => {
  const page = new FakePage();
  const storage = new FakeStorage();
  const { network, clock } = made({ page, storage });
  await settled();
  welcome(network.last!);
  page.tell("pagehide");
  assert.equal(storage.items.size, 1);
  network.last!.say({ type: "session", session: "S2" }); // on its way when the page went
  page.tell("pageshow");
  assert.equal(storage.items.size, 0, "a copy of the storage has no session");
  network.last!.end(1006);
  await clock.advance(1000);
  assert.equal(welcome(network.last!).session, "S2");
  page.tell("pagehide");
  network.last!.end(1006);
  page.tell("pageshow");
  await clock.advance(1000);
  assert.equal(welcome(network.last!).session, "S1");
});

test("a storage that refuses is no error", async () => {
  const page = new FakePage();
  const refuses = () => {
    throw new Error("QuotaExceededError");
  };
  const { client, network } = made({ page, storage: { getItem: refuses, setItem: refuses, removeItem: refuses } });
  await settled();
  welcome(network.last!);
  page.tell("pagehide");
  assert.equal(client.state, "connected");
});

test("nonsense in the storage is no session", async () => {
  for (const text of ["", "null", "{", "[1]"]) {
    const storage = new FakeStorage(new Map([["walkwire ws://server.test/websocket", text]]));
    const { network } = made({ storage });
    await settled();
    assert.equal(welcome(network.last!).session, undefined, text);
  }
});

test("the token function is asked with a signal, which ends with the client", async () => {
  let asked: AbortSignal | undefined;
  const { client } = made({ token: ({ signal }) => new Promise(() => (asked = signal)) });
  await settled();
  assert.equal(asked!.aborted, false);
  client.close();
  assert.equal(asked!.aborted, true);
});

test("a frame that is no JSON closes the client", async () => {
  const { client, network } = made();
  await settled();
  welcome(network.last!);
  network.last!.onmessage!({ data: "{" });
  assert.equal(client.error?.code, "protocol");
});

// Real sockets, with the package ws on both sides.

async function serving(talk: (socket: WebSocket) => void): Promise<{ url: string; server: WebSocketServer }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "walkwire.v2" });
  server.on("connection", talk);
  await once(server, "listening");
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/websocket`, server };
}

function answers(socket: WebSocket): void {
  socket.on("message", (text) => {
    const { type, id, walker } = JSON.parse(text.toString());
    const place = { at: "0", recovered: null };
    const welcome = { client_id: "c1", root_id: "n::1", session: "S", session_seconds: 300, streams: { user: place, client: place, channels: {} } };
    const data = type == "connect" ? welcome : { status: 200, reports: [walker] };
    socket.send(JSON.stringify({ type: "reply", id, ok: true, data }));
  });
}

test("a walk over a real socket", async () => {
  const { url, server } = await serving(answers);
  const client = connect({ url, WebSocket });
  assert.deepEqual(await client.walk("vote"), { status: 200, reports: ["vote"] });
  client.close();
  server.close();
});

test("a client comes back to a server that was away", async () => {
  const { url, server } = await serving((socket) => socket.terminate());
  const clock = new FakeClock(0);
  const client = connect({ url, WebSocket, clock });
  const states: string[] = [];
  await new Promise<void>((resolve) => client.on("state", ({ state }: StateChange) => states.push(state) && state == "waiting" && resolve()));
  server.removeAllListeners("connection");
  server.on("connection", answers);
  await clock.advance(0);
  await client.ready;
  assert.deepEqual(states, ["waiting", "connecting", "connected"]);
  client.close();
  server.close();
});

test("a client that is closed while it opens a real socket is no error", async () => {
  const { url, server } = await serving(answers);
  const client = connect({ url, WebSocket });
  client.close();
  await assert.rejects(client.ready, (error) => error instanceof WalkwireError && error.code == "closed");
  const second = connect({ url, WebSocket });
  await settled();
  second.close();
  server.close();
});
