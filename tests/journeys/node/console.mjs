// The console in a browser that knows no other host: `node console.mjs <port> <chromium> <folder for pictures>`.
// Each view at two widths, light and dark. Ends with exit code 1 at a request to another host, at an error or a warning in the
// browser's log, at what axe finds, and at what is not seen.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { look } from "./axe.mjs";

const [port, executablePath, folder] = process.argv.slice(2);
const URL_ = `http://localhost:${port}`;
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--host-resolver-rules=MAP localhost 127.0.0.1, MAP * ~NOTFOUND",
];
const VIEWS = ["Overview", "Live", "Connections", "Channels", "Graph", "Walkers", "Tasks", "Users", "Streams"];
const problems = [];
const browser = await chromium.launch({ executablePath, args: ARGS });

async function open(width, height, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, bypassCSP: false });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (!["data:", "blob:"].includes(protocol) && host !== `localhost:${port}`) problems.push(`it asks ${request.url()}`);
  });
  await page.goto(`${URL_}/console`);
  await page.locator(".state.live").waitFor();
  return page;
}

async function check(page, what) {
  await look(page, what, problems);
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  if (isWide) problems.push(`${what} is wider than its window`);
}

const post = (page, walker, data) => page.request.post(`${URL_}/walker/${walker}`, { data });
const show = (page, name) => page.getByRole("navigation", { name: "Views" }).getByRole("link", { name, exact: false }).first().click();

try {
  for (const [size, width, height] of [["wide", 1280, 800], ["phone", 390, 844]]) {
    for (const scheme of ["light", "dark"]) {
      const page = await open(width, height, scheme);
      const picture = (name) => page.screenshot({ path: `${folder}/${name}-${size}-${scheme}.png` });
      if (size === "wide" && scheme === "light") await post(page, "build", {});
      await post(page, "board", { people: 2 });
      await post(page, "board", { people: "many" });

      for (const view of VIEWS) {
        await show(page, view);
        await page.getByRole("heading", { level: 1, name: view }).waitFor();
        if (view === "Overview") await page.locator(".chart canvas").first().waitFor();
        if (view === "Graph") await page.locator(".canvas canvas").first().waitFor();
        await page.waitForLoadState("domcontentloaded");
        await check(page, `${view}, ${size}, ${scheme}`);
        await picture(view.toLowerCase());
      }

      await show(page, "Live");
      await page.locator(".line", { hasText: "board" }).first().waitFor();
      await page.getByLabel("Filter: client, channel, walker, text").fill('"walker":"board"');
      await page.locator(".line", { hasText: "steps" }).first().click();
      await check(page, `an entry, ${size}, ${scheme}`);
      await page.getByRole("button", { name: "Follow its path" }).click();
      await page.getByText("step 1 of").waitFor();
      await page.getByRole("button", { name: "Next step" }).click();
      await page.getByRole("button", { name: "Next step" }).click();
      await page.getByText("Wrote: 1").waitFor();
      await page.locator(".diff ins").first().waitFor();
      await check(page, `a walk, ${size}, ${scheme}`);
      await picture("walk");

      await show(page, "Walkers");
      await page.getByRole("link", { name: /^board/ }).click();
      await page.getByLabel(/^people/).fill("3");
      await page.getByLabel("Run over").selectOption("socket");
      await page.getByRole("button", { name: "Run", exact: true }).click();
      await page.getByText(/^ok, /).waitFor();
      assert.match(await page.getByLabel("Frames, the newest first").innerText(), /"walker":"board"/);
      await page.getByRole("button", { name: "Python" }).click();
      await page.getByText("from walkwire.client import connect").waitFor();
      await check(page, `a walker, ${size}, ${scheme}`);
      await picture("walker");
      await page.context().close();
    }
  }
  console.log("seen: each view at two widths, light and dark");

  const page = await open(1280, 800, "light");
  await page.keyboard.press("2");
  await page.getByRole("heading", { level: 1, name: "Live" }).waitFor();
  await page.keyboard.press("p");
  await post(page, "board", {});
  await page.getByRole("button", { name: /^Go on \([1-9]/ }).waitFor();
  await page.keyboard.press("p");
  await page.locator(".line", { hasText: "board" }).first().waitFor();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.type), "search");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await check(page, "a dialog");
  await page.keyboard.press("Escape");
  console.log("seen: what keys do");

  await page.evaluate(async () => {
    const socket = new WebSocket(`ws://${location.host}/websocket`);
    window.heard = [];
    socket.onmessage = ({ data }) => window.heard.push(data);
    socket.onclose = ({ code }) => window.heard.push(code);
    await new Promise((done) => (socket.onopen = done));
  });
  await page.keyboard.press("3");
  await page.getByRole("button", { name: "Broadcast…" }).click();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.waitForFunction(() => window.heard.some((one) => String(one).includes("Hello")));
  await page.locator("td button").first().click();
  await page.getByRole("button", { name: "Disconnect…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disconnect", exact: true }).click();
  await page.waitForFunction(() => window.heard.includes(4003));
  console.log("seen: a broadcast, and a client that is disconnected");
  assert.equal((await page.context().cookies()).length, 0);
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
  assert.deepEqual(problems, []);
} catch (error) {
  console.error(error.stack, problems);
  process.exitCode = 1;
} finally {
  await browser.close();
}
