// The page of examples/kanban, used by two people: `node kanban.mjs <port> <chromium> <folder for screenshots>`.
// One has a wide window, the other a phone in the dark. Each step prints a line when it was seen; the first that is not seen ends with its name and exit code 1.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { look } from "./axe.mjs";
import { Proxy } from "./proxy.mjs";

const [port, executablePath, folder] = process.argv.slice(2);
const proxy = new Proxy(Number(port));
const near = `http://127.0.0.1:${await proxy.open()}/`; // Ada's way to the server
const far = `http://127.0.0.1:${port}/`;
const browser = await chromium.launch({
  executablePath,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
const problems = [];

async function open(url, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() == "error" && !/ERR_|WebSocket/.test(message.text()) && problems.push(message.text()));
  page.on("request", (request) => /^(http:\/\/127\.0\.0\.1|data:)/.test(request.url()) || problems.push(request.url()));
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

const lane = (page, name) => page.getByRole("region", { name });
const isIn = (page, column, text) => lane(page, column).getByText(text, { exact: true }).waitFor();
const texts = (page, column) => lane(page, column).locator(".text").allTextContents();
const looks = (page, name) => page.getByRole("list", { name: "Who is looking" }).getByText(`${name} is looking`).waitFor({ state: "attached" });
const status = (page, text) => page.getByRole("status").getByText(text).waitFor();
const add = async (page, column, text) => {
  await lane(page, column).getByLabel(`A new card in ${column}`).fill(text);
  await lane(page, column).getByRole("button", { name: "Add" }).click();
  await isIn(page, column, text);
};
const press = (page, text, name) => page.locator(".card").filter({ hasText: text }).getByRole("button", { name }).click();

try {
  const ada = await open(near, { viewport: { width: 1280, height: 800 } });
  await step("a board is made", async () => {
    await ada.getByLabel("Your name").fill("Ada");
    await ada.getByLabel("Title of the board").fill("The garden");
    await ada.getByRole("button", { name: "Make a board" }).click();
    await ada.getByRole("heading", { name: "The garden" }).waitFor();
    await looks(ada, "Ada");
  });
  for (const text of ["Plant the apple tree", "Prune the pear tree", "Mend the fence", "Sow the lawn"]) await add(ada, "To do", text);
  await add(ada, "Done", "Dig the pond");

  const bob = await open(far + new URL(ada.url()).hash, { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true });
  await step("somebody else looks at it on a phone", async () => {
    await bob.getByLabel("Your name").fill("Bob");
    await bob.getByRole("button", { name: "Look at the board" }).click();
    await isIn(bob, "Done", "Dig the pond");
    await Promise.all([looks(ada, "Bob"), looks(bob, "Ada")]);
  });
  await step("a card that one moves moves for the other", async () => {
    await press(bob, "Mend the fence", "Move to Doing");
    await isIn(ada, "Doing", "Mend the fence");
    await ada.locator(".card").filter({ hasText: "Sow the lawn" }).dragTo(lane(ada, "To do").locator(".card").first(), { targetPosition: { x: 40, y: 4 } });
    await bob.waitForFunction(() => document.querySelector(".lane .text").textContent == "Sow the lawn");
    assert.deepEqual(await texts(bob, "To do"), ["Sow the lawn", "Plant the apple tree", "Prune the pear tree"]);
  });
  await step("what one does without a network waits, and what the other does follows", async () => {
    const devtools = await ada.context().newCDPSession(ada);
    await devtools.send("Network.enable");
    const network = (offline) => devtools.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    proxy.cut();
    await network(true);
    await status(ada, "No connection. What you do is sent later.");
    await press(ada, "Plant the apple tree", "Move to Doing");
    await ada.locator(".card.waits").getByText("Plant the apple tree").waitFor();
    await press(bob, "Dig the pond", "Remove");
    await add(bob, "To do", "Water the roses");
    proxy.mend();
    await network(false);
    await status(ada, "Connected");
    await isIn(ada, "To do", "Water the roses");
    await isIn(bob, "Doing", "Plant the apple tree");
    await ada.waitForFunction(() => !document.querySelector(".card.waits") && !document.body.textContent.includes("Dig the pond"));
    for (const column of ["To do", "Doing", "Done"]) assert.deepEqual(await texts(ada, column), await texts(bob, column));
  });
  for (const [page, colorScheme, name] of [[ada, "light", "light"], [ada, "dark", "dark"], [bob, "dark", "phone-dark"], [bob, "light", "phone"]]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await look(page, name, problems);
  }
  await step("on a phone nothing is wider than the page", async () => {
    const [width, inner] = await bob.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(width <= inner, `${width} > ${inner}`);
  });
  await step("the page is loaded again, and is the same board of the same guest", async () => {
    await bob.reload();
    await isIn(bob, "Doing", "Mend the fence");
    await looks(ada, "Bob");
    for (const column of ["To do", "Doing", "Done"]) assert.deepEqual(await texts(ada, column), await texts(bob, column));
  });
  assert.deepEqual(problems, []);
} finally {
  await browser.close();
  proxy.close();
}
