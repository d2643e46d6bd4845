/** Random schedules against a small model of a server: everything is heard once and in order, every walk is done once and answered. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "walkwire";
import { FakeClock, FakeNetwork, type FakeSocket, settled } from "./fake.js";

const SEEDS = 200;
const STEPS = 60;
const CHANNELS = ["den", "hall"];

/** A generator of numbers below `n`, the same for the same seed (mulberry32). */
function chance(seed: number): (n: number) => number {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
}

/** Keeps every notification. A position is a stream's name and the number of notifications that were heard. */
class Server {
  readonly streams: Record<string, number[]> = { user: [], client: [], den: [], hall: [] };
  readonly done = new Map<string, number>();
  readonly #joined = new Map<FakeSocket, Set<string>>();

  /** Read what a client has sent, up to `most` events. */
  read(socket: FakeSocket, most = Infinity): void {
    for (const event of socket.sent.splice(0, most)) this.#answer(socket, event);
  }

  tell(name: string, n: number): void {
    this.streams[name]!.push(n);
    for (const [socket, joined] of this.#joined) if (joined.has(name)) this.#send(socket, name, this.streams[name]!.length - 1);
  }

  forget(socket: FakeSocket): void {
    this.#joined.delete(socket);
  }

  #answer(socket: FakeSocket, { type, id, ...event }: any): void {
    const reply = (data: unknown) => socket.say({ type: "reply", id, ok: true, data });
    const wishes: { channel_id: string; at?: string }[] = event.channels ?? [];
    const joined = this.#joined.get(socket) ?? new Set();
    this.#joined.set(socket, joined);
    const channels = Object.fromEntries(wishes.map(({ channel_id, at }) => [channel_id, this.#place(channel_id, at)]));
    if (type == "connect") {
      const own = { user: this.#place("user", event.at?.user), client: this.#place("client", event.at?.client) };
      reply({ client_id: "c1", root_id: "n::1", session: "S", session_seconds: 300, streams: { ...own, channels } });
      for (const [name, { at }] of Object.entries({ ...own, ...channels })) this.#begin(socket, joined, name, at);
    } else if (type == "join") {
      reply({ channels });
      for (const [name, { at }] of Object.entries(channels)) this.#begin(socket, joined, name, at);
    } else if (type == "walker") {
      if (!this.done.has(event.key)) this.done.set(event.key, this.done.size);
      reply({ status: 200, reports: [this.done.get(event.key)] });
    } else reply(null);
  }

  #place(name: string, at?: string): { at: string; recovered: true | null } {
    return at === undefined ? { at: `${name} ${this.streams[name]!.length}`, recovered: null } : { at, recovered: true };
  }

  #begin(socket: FakeSocket, joined: Set<string>, name: string, at: string): void {
    const [stream, heard] = at.split(" ");
    assert.equal(stream, name, "a position of another stream");
    for (let index = Number(heard); index < this.streams[name]!.length; index++) this.#send(socket, name, index);
    joined.add(name);
  }

  #send(socket: FakeSocket, name: string, index: number): void {
    const where = name == "user" || name == "client" ? { type: name } : { type: "channel", channel_id: name };
    socket.say({ ...where, at: `${name} ${index + 1}`, data: this.streams[name]![index] });
  }
}

async function play(seed: number): Promise<void> {
  const next = chance(seed);
  const clock = new FakeClock(next(100) / 100);
  const network = new FakeNetwork();
  const server = new Server();
  const client = connect({ url: "ws://server.test/websocket", clock, WebSocket: network.WebSocket, queue: { count: 1000 } });
  const heard: Record<string, unknown[]> = { user: [], client: [], den: [], hall: [] };
  for (const name of CHANNELS) client.channel(name).on("message", ({ data }) => heard[name]!.push(data));
  for (const name of ["user", "client"] as const) client.on(name, ({ data }) => heard[name]!.push(data));
  let walks = 0;
  let answers = 0;
  const accepted = new Set<FakeSocket>();
  let n = 0;

  /** Let the server have its turn: accept, read, answer. */
  const serve = (most?: number): void => {
    const socket = network.last;
    if (!socket || socket.isAbandoned || socket.isOver) return;
    if (!accepted.has(socket)) {
      accepted.add(socket);
      socket.accept();
    }
    server.read(socket, most);
  };
  await settled();
  serve(); // positions begin here
  const steps: (() => unknown)[] = [
    () => serve(),
    () => serve(),
    () => serve(1 + next(3)),
    () => server.tell(["user", "client", ...CHANNELS][next(4)]!, ++n),
    () => server.tell(CHANNELS[next(2)]!, ++n),
    () => {
      walks++;
      client.walk("count").then(() => answers++, assert.ifError);
    },
    () => {
      const { last } = network;
      if (!last || last.isOver || last.isAbandoned) return;
      if (next(2)) server.read(last); // its answers are lost
      server.forget(last);
      last.end(1006);
    },
    () => clock.advance([1, 100, 1000, 5000, 12_000, 40_000][next(6)]!),
    () => client.wake(),
  ];
  for (let step = 0; step < STEPS; step++) {
    await steps[next(steps.length)]!();
    for (const socket of network.sockets) if (socket.isAbandoned) server.forget(socket);
    await settled();
  }
  for (let second = 0; second < 60; second++) {
    serve();
    await clock.advance(1000);
  }
  assert.equal(answers, walks, "answers to walks");
  assert.deepEqual(heard, server.streams);
  assert.equal(server.done.size, walks);
  client.close();
}

test(`${SEEDS} random schedules`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    await play(seed).catch((error) => {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
    });
  }
});
