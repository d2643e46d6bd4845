/** Runner: plays a script of clients/fixtures, as its README says. */

import assert from "node:assert/strict";
import { type Channel, type Client, connect, WalkwireError } from "walkwire";
import { FakeClock, FakeNetwork, FakePage, type FakeSocket, FakeStorage, settled } from "./fake.js";

export interface Script {
  name: string;
  only?: string[];
  options?: Record<string, any>;
  steps: Record<string, any>[];
}

type Outcome = { data: unknown } | { error: any } | undefined;

const KEPT = ["message", "user", "client", "recovered", "resync", "presence", "joined", "left"];

export async function play(script: Script): Promise<void> {
  const run = new Run(script.options ?? {});
  await settled();
  for (const [index, step] of script.steps.entries()) {
    try {
      await run.step(step);
      await settled();
    } catch (error) {
      const where = `step ${index + 1}, ${JSON.stringify(step)}`;
      throw error instanceof assert.AssertionError ? new assert.AssertionError({ ...error, message: `${where}: ${error.message}` }) : error;
    }
  }
  run.finish();
}

class Run {
  readonly #options: Record<string, any>;
  readonly #clock: FakeClock;
  readonly #asked: boolean[] = [];
  readonly #names = new Map<string, unknown>();
  readonly #calls = new Map<string, { outcome: Outcome; stop: AbortController }>();
  #network!: FakeNetwork;
  #page!: FakePage;
  #storage: FakeStorage;
  #client!: Client;
  #told: Record<string, any[]> = {};
  #raise = "";
  readonly #heard = new WeakSet<Channel>();
  #socket: FakeSocket | undefined; // the last one that a step accepted or refused
  #connectId: unknown;

  constructor(options: Record<string, any>) {
    this.#options = options;
    this.#clock = new FakeClock(options.random ?? 0.5);
    this.#storage = new FakeStorage();
    this.#begin();
  }

  #begin(): void {
    const { token, channels = [], info, queue, storage } = this.#options;
    this.#network = new FakeNetwork();
    this.#page = new FakePage();
    this.#told = {};
    this.#client = connect({
      url: "ws://server.test/websocket",
      token: Array.isArray(token) ? ({ renew }) => this.#giveToken(token, renew) : token,
      info,
      queue,
      storage: storage ? this.#storage : undefined,
      clock: this.#clock,
      page: this.#page,
      WebSocket: this.#network.WebSocket,
    });
    for (const { channel_id, ...rest } of channels) this.#listen(this.#client.channel(channel_id, rest));
    for (const name of ["user", "client", "resync", "recovered"] as const) {
      this.#client.on(name, ({ channel: channel_id, ...event }: any) => this.#tell(name, { channel_id, ...event }));
    }
    for (const name of ["joined", "left"] as const) {
      this.#client.on(name, (channel) => {
        this.#tell(name, { channel_id: channel.id });
        if (name == "joined" && !this.#heard.has(channel)) this.#listen(channel);
      });
    }
    this.#client.on("state", ({ state, error }) => this.#tell("state", { state, code: error?.code }));
  }

  #listen(channel: Channel): void {
    this.#heard.add(channel);
    channel.on("message", (event) => this.#tell("message", { channel_id: channel.id, ...event }));
    channel.on("presence", ({ members, ...event }) =>
      this.#tell("presence", { channel_id: channel.id, ...event, members: Object.fromEntries(members) }),
    );
  }

  #giveToken(tokens: any[], renew: boolean): string | null | Promise<string> {
    const token = tokens[this.#asked.push(renew) - 1];
    if (token?.never) return new Promise(() => {});
    if (token?.raise) throw new Error(token.raise);
    return token;
  }

  #tell(on: string, event: object): void {
    (this.#told[on] ??= []).push(event);
    if (this.#raise != on) return;
    this.#raise = "";
    throw new Error("as the script wants");
  }

  async step(step: Record<string, any>): Promise<void> {
    const kind = Object.keys(step)[0]!;
    const does = this.#steps[kind];
    assert.ok(does, `there is no step ${kind}`);
    await does(step[kind], step);
  }

  readonly #steps: Record<string, (value: any, step: Record<string, any>) => unknown> = {
    accept: () => this.#opening().accept(),
    refuse: () => this.#opening().end(1006),
    expect: (event, { absent = [] }) => {
      const sent = this.#socket?.sent.shift();
      assert.ok(sent, "the client has sent nothing");
      this.#compare(sent, event);
      for (const path of absent) assert.equal(path.split(".").reduce((at: any, key: string) => at?.[key], sent), undefined, `${path} is there`);
      if (sent.type == "connect") this.#connectId = sent.id;
    },
    send: (frame) => this.#socket!.say(this.#filled(frame)),
    welcome: ({ user, client, channels, ...rest }) => {
      const place = (at: string) => ({ at, recovered: null });
      const streams = { user: user ?? place("u0"), client: client ?? place("c0"), channels: channels ?? {} };
      const data = { client_id: "c1", root_id: "n::1", session: "S1", session_seconds: 300, ...rest, streams };
      this.#socket!.say({ type: "reply", id: this.#connectId, ok: true, data });
    },
    close: ({ code, reason }) => this.#socket!.end(code, reason ? JSON.stringify(reason) : ""),
    drop: () => this.#socket!.end(1006),
    abandoned: () => assert.ok(this.#network.last?.isAbandoned, "the client still has its connection"),
    advance: (ms) => this.#clock.advance(ms),
    sleep: (ms) => void (this.#clock.time += ms),
    call: (name, { as, with: values = {} }) => this.#call(name, as, values),
    abort: (as) => this.#calls.get(as)!.stop.abort(),
    result: (as, { is, error, aborted }) => {
      const { outcome, stop } = this.#calls.get(as)!;
      assert.ok(outcome, "the call has not ended");
      if (aborted) return assert.equal((outcome as any).error, stop.signal.reason);
      if (!error) return assert.ok("data" in outcome, String((outcome as any).error)), this.#compare(outcome.data ?? null, is);
      assert.ok("error" in outcome, "the call has not failed");
      assert.ok(outcome.error instanceof WalkwireError, String(outcome.error));
      const { code, message, retryIn } = outcome.error;
      this.#compare({ code, message, retry_in: retryIn }, error);
    },
    pending: (as) => assert.equal(this.#calls.get(as)!.outcome, undefined),
    told: ({ on, ...event }) => {
      const told = this.#told[on]?.shift();
      assert.ok(told, "the application was not told");
      this.#compare(told, event);
    },
    raise: (on) => void (this.#raise = on),
    state: (state) => assert.equal(this.#client.state, state),
    quiet: () => this.#quiet(),
    wake: (how) => {
      if (how == "program") this.#client.wake();
      else this.#page.tell(how == "visible" ? "visibilitychange" : how);
    },
    asked: (asked) => assert.deepEqual(this.#asked, asked),
    reload: () => {
      this.#page.tell("pagehide");
      this.#network.last?.end(1006);
      this.#forget();
      this.#begin();
    },
    duplicate: () => {
      this.#storage = new FakeStorage(new Map(this.#storage.items));
      this.#forget();
      this.#begin();
    },
  };

  /** The client of before goes on somewhere else, and is of no interest. */
  #forget(): void {
    this.#socket = undefined;
  }

  async #call(name: string, as: string | undefined, values: Record<string, any>): Promise<void> {
    const { channel_id, walker, fields, root_ids, client_ids, data, token, ...rest } = values;
    const stop = new AbortController();
    const options = { ...rest, signal: stop.signal };
    const client = this.#client;
    const calls: Record<string, () => unknown> = {
      walk: () => client.walk(walker, fields, options),
      channel: () => this.#listen(client.channel(channel_id, { ...rest, token })),
      leave: () => client.channel(channel_id).leave(),
      send: () => client.channels.get(channel_id)?.send(data, options) ?? client.sendToChannels([channel_id], data, options),
      send_users: () => client.sendToUsers(root_ids, data, options),
      send_clients: () => client.sendToClients(client_ids, data, options),
      history: () => client.channels.get(channel_id)?.history(options) ?? client.history(channel_id, options),
      members: () => client.channel(channel_id).members(options),
      change_user: () => client.changeUser(token, values.info),
      close: () => client.close(),
    };
    const call: { outcome: Outcome; stop: AbortController } = { outcome: undefined, stop };
    if (as) this.#calls.set(as, call);
    const result = calls[name]!();
    if (!(result instanceof Promise)) return;
    result.then((data) => (call.outcome = { data }), (error) => (call.outcome = { error }));
  }

  #opening(): FakeSocket {
    const socket = this.#network.last;
    assert.ok(socket && socket != this.#socket && !socket.isAbandoned, "the client is not opening a connection");
    assert.equal(socket.url, "ws://server.test/websocket");
    assert.deepEqual(socket.protocols, ["walkwire.v2"]);
    if (this.#socket) assert.deepEqual(this.#socket.sent, [], "the connection before has unread events");
    return (this.#socket = socket);
  }

  #quiet(): void {
    if (this.#socket) assert.deepEqual(this.#socket.sent, []);
    const { last } = this.#network;
    if (last && last != this.#socket) assert.ok(last.isAbandoned, "the client is opening a connection");
  }

  finish(): void {
    if (this.#socket) assert.deepEqual(this.#socket.sent, [], "at the end");
    for (const on of KEPT) assert.deepEqual(this.#told[on] ?? [], [], "at the end");
    this.#client.close();
  }

  #compare(actual: any, expected: any, path = ""): void {
    if (typeof expected == "string" && expected.startsWith("$")) {
      if (!this.#names.has(expected)) {
        assert.notEqual(actual, undefined, path);
        this.#names.set(expected, actual);
      }
      assert.deepEqual(actual, this.#names.get(expected), path);
    } else if (Array.isArray(expected)) {
      assert.ok(Array.isArray(actual) && actual.length == expected.length, `${path}: ${JSON.stringify(actual)}`);
      expected.forEach((item, index) => this.#compare(actual[index], item, `${path}[${index}]`));
    } else if (expected && typeof expected == "object") {
      assert.ok(actual && typeof actual == "object", `${path}: ${JSON.stringify(actual)}`);
      if (path.endsWith(".members")) assert.deepEqual(Object.keys(actual), Object.keys(expected), path);
      for (const key of Object.keys(expected)) this.#compare(actual[key], expected[key], `${path}.${key}`);
    } else assert.deepEqual(actual, expected, path);
  }

  #filled(value: any): any {
    if (typeof value == "string" && value.startsWith("$")) return this.#names.get(value);
    if (Array.isArray(value)) return value.map((item) => this.#filled(item));
    if (!value || typeof value != "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.#filled(item)]));
  }
}
