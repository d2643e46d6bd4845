// A client of clients/js that is away for a while, in node or in a page of a real browser: `node away.mjs <module> <port> <token> <moved or real> [chromium]`.
// With `moved` time passes at once: a line `do: …` asks the test to move the server's clock or to restart the server, and a line on stdin says that it is done.
// Prints a line for each thing seen.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { chromium } from "playwright-core";
import WebSocket from "ws";
import { Proxy } from "./proxy.mjs";

const [module, port, token, time, executablePath] = process.argv.slice(2);
const { connect } = await import(module);
const isReal = time == "real";
const CHANNELS = ["den", "room:1"]; // what is kept of one is recent, of the other durable
const proxy = new Proxy(Number(port));
const near = await proxy.open();
const far = connect({ url: `ws://127.0.0.1:${near}/websocket`, token, WebSocket });
const answers = createInterface(process.stdin)[Symbol.asyncIterator]();
const seen = (what) => console.log(`seen: ${what}`);

/** Ask the test to do something. Return what it answers. */
async function ask(what) {
  console.log(`do: ${what}`);
  return (await answers.next()).value;
}

/** A client in this process. Its clock can be moved on. */
class InNode {
  #ahead = 0;
  #timers = new Set();
  heard = { den: [], "room:1": [] };
  told = [];

  async open() {
    const clock = { now: () => Date.now() + this.#ahead, random: Math.random, after: (ms, run) => this.#after(ms, run) };
    this.client = connect({ url: `ws://127.0.0.1:${this.port}/websocket`, token, WebSocket, clock });
    this.client.on("state", ({ state, error }) => this.told.push({ state, error: error?.message }));
    this.client.on("recovered", (event) => this.told.push(event));
    for (const id of CHANNELS) this.client.channel(id).on("message", ({ data }) => this.heard[id].push(data.n));
  }

  #after(ms, run) {
    const timer = { due: Date.now() + this.#ahead + ms, fire: () => this.#timers.delete(timer) && run() };
    this.#timers.add(timer);
    const real = setTimeout(timer.fire, ms);
    return () => {
      clearTimeout(real);
      this.#timers.delete(timer);
    };
  }

  async pass(seconds) {
    for (let second = 0; second < seconds; second += 5) {
      this.#ahead += 5000;
      for (const timer of [...this.#timers]) if (timer.due <= Date.now() + this.#ahead) timer.fire();
      await wait(2);
    }
  }

  network() {}

  /** The machine sleeps: nothing runs, and then it is later. */
  async sleep(seconds, meanwhile) {
    await meanwhile();
    this.#ahead += seconds * 1000;
  }

  async awake() {
    for (const timer of [...this.#timers]) if (timer.due <= Date.now() + this.#ahead) timer.fire();
    this.client.wake();
  }

  state = async () => this.client.state;
  clientId = async () => this.client.clientId;
  read = async () => ({ heard: this.heard, told: this.told });
  close = async () => this.client.close();
}

/** A client in a page. Its clock is that of the page, which can be moved on. */
class InPage {
  async open() {
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
    this.browser = await chromium.launch({ executablePath, args });
    const context = await this.browser.newContext();
    await context.route("**/walkwire.js", (route) => route.fulfill({ contentType: "text/javascript", path: module }));
    this.page = await context.newPage();
    this.page.setDefaultTimeout(60_000);
    this.page.on("pageerror", (error) => console.log(`error: ${error}`));
    if (!isReal) await this.page.clock.install();
    await this.page.goto(`http://127.0.0.1:${this.port}/healthz`); // of the server's own origin; another could not reach it
    await this.page.setContent(PAGE);
    this.devtools = await context.newCDPSession(this.page);
    await this.devtools.send("Network.enable");
  }

  pass = (seconds) => this.page.clock.runFor(seconds * 1000);
  network = (isOff) =>
    this.devtools.send("Network.emulateNetworkConditions", { offline: isOff, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });

  async sleep(seconds, meanwhile) {
    await this.devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    await meanwhile();
    if (isReal) await wait(seconds * 1000);
  }

  async awake(seconds) {
    await this.devtools.send("Page.setWebLifecycleState", { state: "active" });
    if (!isReal) await this.page.clock.fastForward(seconds * 1000); // as after a closed lid: what is due fires once
    await this.page.bringToFront();
  }

  state = () => this.page.evaluate(() => window.client.state);
  clientId = () => this.page.evaluate(() => window.client.clientId);
  read = () => this.page.evaluate(() => ({ heard: window.heard, told: window.told }));
  close = () => this.browser.close();
}

const PAGE = `<!doctype html><title>A page that is away</title><script type="module">
  import { connect } from "/walkwire.js";
  window.heard = { den: [], "room:1": [] };
  window.told = [];
  window.client = connect({ url: "/websocket", token: ${JSON.stringify(token)} });
  client.on("state", ({ state }) => told.push({ state }));
  client.on("recovered", (event) => told.push(event));
  for (const id of Object.keys(heard)) client.channel(id).on("message", ({ data }) => heard[id].push(data.n));
</script>`;

/** Look again until it is so. */
async function until(what, test) {
  const end = Date.now() + 60_000;
  while (!(await test())) {
    if (Date.now() > end) throw new Error(`did not happen: ${what}\n${JSON.stringify(await actor.read())}`);
    await wait(20);
  }
}

const actor = executablePath ? new InPage() : new InNode();
const network = new Proxy(Number(port)); // the client's own way to the server
actor.port = await network.open();
let n = 0;
const tell = async (count) => {
  for (let i = 0; i < count; i++) await far.sendToChannels(CHANNELS, { n: ++n });
};
const upTo = (last, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
const last = async () => Object.values((await actor.read()).heard).every((numbers) => numbers.at(-1) == n);
/** All that was told since the last call of the streams: by stream or channel, `true` or the reason. */
let toldBefore = 0;
async function recovered() {
  const { told } = await actor.read();
  const events = told.slice(toldBefore).filter((event) => event.stream);
  toldBefore = told.length;
  return Object.fromEntries(events.map(({ stream, channel, recovered, reason }) => [channel ?? stream, recovered || reason]));
}
const WHOLE = { user: true, client: true, den: true, "room:1": true };
let lost = []; // what the client said that it could not recover
async function isWhole() {
  await tell(1);
  await until("the last is heard", last);
  const { heard } = await actor.read();
  assert.deepEqual(heard["room:1"], upTo(n));
  assert.deepEqual(heard.den, upTo(n).filter((number) => !lost.includes(number)));
}

async function away(seconds, count) {
  await actor.network(true);
  network.cut(); // the browser goes on with the connections that it has
  await until("the client waits", async () => (await actor.state()) != "connected");
  await tell(count);
  if (isReal) await wait(seconds * 1000);
  else {
    await ask(`advance ${seconds}`);
    await actor.pass(seconds);
  }
  network.mend();
  await actor.network(false);
  await actor.client?.wake();
  if (!isReal && !actor.client) await actor.pass(30);
  await until("the client is connected", async () => (await actor.state()) == "connected");
}

try {
  await far.ready;
  await actor.open();
  await until("the client is connected", async () => (await actor.state()) == "connected");
  const id = await actor.clientId();
  await tell(5);
  await isWhole();
  seen("the client is connected, and hears");

  await away(20, 40);
  await isWhole();
  assert.deepEqual(await recovered(), WHOLE);
  assert.equal(await actor.clientId(), id);
  seen("after 20 seconds without a network it hears what it missed, once and in order");

  const before = n;
  await away(600, 40);
  lost = upTo(n, before + 1);
  await isWhole();
  const { "room:1": room, ...rest } = await recovered();
  assert.equal(room, true);
  assert.ok(["expired", "reset"].includes(rest.den), rest.den);
  assert.notEqual(await actor.clientId(), id);
  seen("after 10 minutes it hears what is durable, and says that the rest is no longer kept");

  const sessionOf = await actor.clientId();
  await actor.sleep(isReal ? 60 : 200, async () => {
    network.freeze(); // the connection is dead, and nobody says so
    await tell(40);
    if (!isReal) await ask("advance 200");
  });
  network.mend();
  await actor.awake(200);
  if (!isReal && !actor.client) await actor.pass(40);
  await isWhole();
  assert.deepEqual(await recovered(), WHOLE);
  assert.equal(await actor.clientId(), sessionOf);
  seen("after a sleep it finds out that its connection is dead, and hears what it missed");

  const told = n;
  network.cut();
  proxy.cut();
  network.target = proxy.target = Number(await ask("restart"));
  proxy.mend();
  far.wake();
  await until("the other client is back", () => far.state == "connected");
  await tell(10);
  lost = [...lost, ...upTo(n, told + 1)];
  network.mend();
  await actor.client?.wake();
  if (!isReal && !actor.client) await actor.pass(30);
  await until("the client is connected", async () => (await actor.state()) == "connected");
  await isWhole();
  const after = await recovered();
  assert.deepEqual([after["room:1"], after.den], [true, "reset"]);
  assert.equal(await actor.clientId(), sessionOf);
  seen("after a restart of the server it hears what is durable, and says that the rest was lost");
} finally {
  await actor.close();
  far.close();
  proxy.close();
  network.close();
}
process.exit(0);
