// The client of clients/js in a page of a real browser, against a real server: `node client_page.mjs <module> <port> <token> <chromium> <seconds of sleep>`.
// The server has the page of `client_page.html`. The network goes and comes, the machine sleeps, the tab is loaded again and duplicated. Prints a line for each thing seen.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import WebSocket from "ws";
import { Proxy } from "./proxy.mjs";

const [module, port, token, executablePath, sleep] = process.argv.slice(2);
const { connect } = await import(module);
const proxy = new Proxy(Number(port));
const origin = `http://127.0.0.1:${await proxy.open()}`;
const seen = (what) => console.log(`seen: ${what}`);
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const far = connect({ url: `ws://127.0.0.1:${port}/websocket`, token, WebSocket });
const server = await chromium.launchServer({ executablePath, args: ARGS });
const browser = await chromium.connect(server.wsEndpoint());
try {
  const context = await browser.newContext();
  await context.addInitScript((token) => (window.token = token), token);
  await context.route("**/walkwire.js", (route) => route.fulfill({ contentType: "text/javascript", path: module }));
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => console.log(`error: ${error}`));
  await page.goto(`${origin}/`);
  const browserSays = await context.newCDPSession(page);

  let n = 0;
  const tell = async (count) => {
    for (let i = 0; i < count; i++) await far.sendToChannels(["den"], { n: ++n });
  };
  const heardAll = () =>
    page.waitForFunction((last) => window.heard.at(-1) == last, n).then(async () => {
      const heard = await page.evaluate(() => window.heard);
      assert.deepEqual(heard, Array.from({ length: n }, (_, index) => index + 1));
    });
  const isIn = (state) => page.waitForFunction((wanted) => window.client.state == wanted, state);
  const clientId = () => page.evaluate(() => window.client.clientId);

  await isIn("connected");
  await tell(3);
  await heardAll();
  const id = await clientId();
  seen("a page connects and hears");

  await browserSays.send("Network.enable");
  const network = (offline) =>
    browserSays.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await network(true);
  proxy.cut(); // the browser goes on with the connections that it has
  await isIn("waiting");
  const offline = page.waitForFunction(() => window.told.filter((what) => what == "waiting").length >= 3);
  await tell(50);
  await offline; // some attempts fail
  proxy.mend();
  await network(false); // the browser tells `online`
  await heardAll();
  assert.equal(await clientId(), id);
  assert.equal((await page.evaluate(() => window.told)).filter((what) => what === true).length, 1);
  seen("a page whose network was away hears what it missed, once");

  await tell(10);
  await heardAll();
  process.kill(-server.process().pid, "SIGSTOP"); // headless pages are always visible, and cannot be frozen otherwise
  proxy.freeze();
  await tell(20);
  await new Promise((resolve) => setTimeout(resolve, sleep * 1000));
  process.kill(-server.process().pid, "SIGCONT");
  proxy.mend();
  if (sleep < 30) {
    await network(true); // the page learns from `online` that it should look; after a longer sleep from its own timer
    await network(false);
  }
  await heardAll();
  assert.equal(await clientId(), id);
  seen("a page that slept finds out that its connection is dead, and hears what it missed");

  const loading = page.reload();
  await tell(10);
  await loading;
  await isIn("connected");
  await tell(1);
  await heardAll();
  assert.equal(await clientId(), id);
  seen("a page that is loaded again goes on with its session");

  const opening = context.waitForEvent("page");
  await page.evaluate(() => void window.open("/"));
  const second = await opening;
  await second.waitForFunction(() => window.client?.state == "connected");
  assert.notEqual(await second.evaluate(() => window.client.clientId), id);
  assert.deepEqual([await clientId(), await page.evaluate(() => window.client.state)], [id, "connected"]);
  seen("a tab that is duplicated has a session of its own");
} finally {
  await server.close();
  far.close();
  proxy.close();
}
