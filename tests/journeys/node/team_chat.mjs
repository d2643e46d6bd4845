// The page of examples/team_chat, used by two people: `node team_chat.mjs <port> <chromium> <folder for screenshots> [lost]`.
// Ada's network goes and comes back; with `lost`, the server keeps five messages of a room only. Each step prints a line when it was seen; the first that is not seen ends with its name and exit code 1.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { look } from "./axe.mjs";
import { Proxy } from "./proxy.mjs";

const [port, executablePath, folder, isLost] = process.argv.slice(2);
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const PASSWORD = "correct horse battery staple";
const proxy = new Proxy(Number(port));
const near = `http://127.0.0.1:${await proxy.open()}/`; // Ada's way to the server
const far = `http://127.0.0.1:${port}/`;
const browser = await chromium.launch({ executablePath, args: ARGS });
const problems = [];

async function open(url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("request", (request) => /^(http:\/\/(127\.0\.0\.1|localhost)[:/]|data:|blob:)/.test(request.url()) || problems.push(request.url()));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => /Content Security Policy/.test(message.text()) && problems.push(message.text()));
  await page.goto(url);
  return page;
}

async function step(name, work) {
  try {
    await work();
    console.log(`seen: ${name}`);
  } catch (error) {
    console.error(`NOT SEEN: ${name}\n${error.message}`);
    throw error;
  }
}

async function post(path, body, token) {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(new URL(path, far), { method: "POST", headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

const tokenOf = async (name) => (await post("/user/login", { email: `${name}@example.com`, password: PASSWORD })).token;
const status = (page, text) => page.getByRole("status").getByText(text).waitFor();
const link = (page, name) => page.getByRole("list", { name: "Rooms" }).getByRole("link", { name });
const person = (page, name) => page.getByRole("list", { name: "People" }).getByRole("listitem").filter({ hasText: name });
const isNow = (page, name, what) => person(page, name).filter({ hasText: `is ${what}` }).waitFor();
const sees = (page, text) => page.getByRole("log").getByText(text, { exact: true }).waitFor();
const numbers = (page) => page.locator("#messages [data-n]").evaluateAll((items) => items.map(({ dataset }) => Number(dataset.n)));
const upTo = (last, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
const unread = (page, name, count) => link(page, count ? new RegExp(`^${name}\\s*${count} unread$`) : new RegExp(`^${name}$`)).waitFor();
const says = async (page, text) => {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
};
const signUp = async (page, name) => {
  await page.getByLabel("E-mail").fill(`${name}@example.com`);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByLabel("Name, the first time").fill(name);
  await page.getByRole("button", { name: "Register" }).click();
  await status(page, `Connected as ${name}`);
};
const opens = async (page, name) => {
  await page.getByLabel("Name of a new room").fill(name);
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
};
const invites = async (page, name) => {
  await page.getByLabel("Name of a person to invite").fill(name);
  await page.getByRole("button", { name: "Invite" }).click();
  await person(page, name).waitFor();
};

async function networkOf(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  return async (offline) => {
    if (offline) proxy.cut(); // the browser goes on with the connections that it has
    else proxy.mend();
    await devtools.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  };
}

async function lost() {
  const ada = await open(near);
  const bob = await open(far);
  const network = await networkOf(ada);
  await Promise.all([signUp(ada, "ada"), signUp(bob, "bob")]);
  await opens(ada, "Tea");
  await invites(ada, "bob");
  await link(bob, "Tea").click();
  await says(bob, "One");
  await sees(ada, "One");
  await opens(ada, "Milk");
  await network(true);
  await status(ada, "No connection. What you miss will follow.");
  const tea = (await link(bob, "Tea").getAttribute("href")).slice(1);
  const bobs = await tokenOf("bob");
  for (const n of upTo(11, 2)) await post(`/walker/say/${tea}`, { text: `Number ${n}` }, bobs);
  await network(false);
  await step("what was lost is counted all the same", () => unread(ada, "Tea", 10));
  await step("what is kept is shown, once and in order, and then what is new", async () => {
    await says(bob, "Twelve");
    await link(ada, "Tea").click();
    await sees(ada, "Twelve");
    await unread(ada, "Tea", 0);
    assert.deepEqual(await numbers(ada), upTo(12, 7));
  });
}

async function story() {
  const ada = await open(near);
  const bob = await open(far, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  await step("two people sign up", () => Promise.all([signUp(ada, "ada"), signUp(bob, "bob")]));
  await step("a name is taken once", async () => {
    const eve = await open(far);
    await eve.getByLabel("E-mail").fill("eve@example.com");
    await eve.getByLabel("Password").fill(PASSWORD);
    await eve.getByLabel("Name, the first time").fill("Ada");
    await eve.getByRole("button", { name: "Register" }).click();
    await eve.getByRole("alert").getByText("Somebody is called ada already").waitFor();
    await eve.close();
  });

  await step("an invitation arrives", async () => {
    await opens(ada, "Milk");
    await invites(ada, "bob");
    await opens(ada, "Tea");
    await invites(ada, "bob");
    await link(bob, "Milk").waitFor();
    await link(bob, "Tea").click();
    await bob.getByRole("heading", { name: "Tea", exact: true }).waitFor();
  });
  await step("they see each other", () => Promise.all([isNow(ada, "bob", "here"), isNow(bob, "ada", "here")]));
  await step("who types is seen to type", async () => {
    await bob.getByLabel("Message", { exact: true }).pressSequentially("Hel");
    await ada.getByRole("status").getByText("bob is typing…").waitFor();
    await says(bob, "Hello, ada");
    await sees(ada, "Hello, ada");
    await ada.waitForFunction(() => document.querySelector("#typing").textContent == "");
  });
  await step("what is looked at is read", () => unread(ada, "Tea", 0));
  await step("what is said in another room is counted", async () => {
    await link(ada, "Milk").click();
    await ada.getByRole("heading", { name: "Milk", exact: true }).waitFor();
    await says(bob, "Two");
    await unread(ada, "Tea", 1);
  });

  const tea = (await link(bob, "Tea").getAttribute("href")).slice(1);
  const [adas, bobs] = await Promise.all([tokenOf("ada"), tokenOf("bob")]);
  const network = await networkOf(ada);
  await step("the network goes", async () => {
    await network(true);
    await status(ada, "No connection. What you miss will follow.");
  });
  await step("others go on, and see who has gone", async () => {
    for (const n of upTo(41, 3)) await post(`/walker/say/${tea}`, { text: `Number ${n}` }, bobs);
    await says(bob, "@ada, where are you?");
    await says(ada, "I am in a tunnel");
    await ada.getByText("I am in a tunnel (not sent yet)").waitFor();
    await isNow(bob, "ada", "away"); // ten seconds after her connection went
  });
  await step("the network comes, and everything with it", async () => {
    await network(false);
    await status(ada, "Connected as ada");
    await unread(ada, "Tea", 41);
    await ada.getByRole("list", { name: "Mentions" }).getByText("bob in Tea: @ada, where are you?").waitFor();
    await sees(ada, "I am in a tunnel");
    await ada.waitForFunction(() => !document.querySelector("#waiting").textContent);
    assert.deepEqual(await numbers(ada), [1], "what she said was said once");
  });
  await step("all is there, once and in order", async () => {
    await ada.getByRole("list", { name: "Mentions" }).getByRole("link").click();
    await ada.getByRole("heading", { name: "Tea", exact: true }).waitFor();
    await sees(ada, "Number 41");
    assert.deepEqual(await numbers(ada), upTo(42));
    await ada.locator("#messages .to-me").getByText("where are you?").waitFor();
  });
  await step("it is read, in every window and on the server", async () => {
    await unread(ada, "Tea", 0);
    const { reports } = await post("/walker/my_rooms", {}, adas);
    assert.deepEqual(Object.fromEntries(reports.map((card) => [card.name, card.unread])), { Milk: 0, Tea: 0 });
  });
  await step("each sees that the other is there", () => Promise.all([isNow(ada, "bob", "here"), isNow(bob, "ada", "here")]));
  for (const [page, name] of [[ada, "light"], [bob, "phone"]]) {
    await page.screenshot({ path: join(folder, `${name}.png`) });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await look(page, `${name}, ${colorScheme}`, problems);
    }
  }

  await step("the page is loaded again, and the older messages are fetched", async () => {
    await ada.reload();
    await status(ada, "Connected as ada");
    await sees(ada, "Number 41");
    const first = await numbers(ada);
    assert.deepEqual(first, upTo(42, first[0]));
    assert.ok(first[0] > 1, "not all at once");
    while ((await numbers(ada))[0] > 1) {
      const before = (await numbers(ada)).length;
      // Scrolling up to the button fetches, too, and hides it when there is no more: so it is pressed where it is, if it is.
      await ada.getByRole("button", { name: "Earlier messages", includeHidden: true }).evaluate((button) => button.hidden || button.click());
      await ada.waitForFunction((count) => document.querySelectorAll("#messages [data-n]").length > count, before);
    }
    assert.deepEqual(await numbers(ada), upTo(42));
  });
  await step("on a phone nothing is wider than the page", async () => {
    const [width, inner] = await bob.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(width <= inner, `${width} > ${inner}`);
  });
  await step("who signs out is asked to sign in", async () => {
    await ada.getByRole("button", { name: "Sign out" }).click();
    await ada.getByRole("button", { name: "Log in" }).waitFor();
    await isNow(bob, "ada", "away");
  });
}

try {
  await (isLost ? lost() : story());
  assert.deepEqual(problems, []);
} finally {
  await browser.close();
  proxy.close();
}
