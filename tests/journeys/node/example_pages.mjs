// The page of an example, used by two people, one of them on a phone in the dark: `node example_pages.mjs <example> <url> <chromium> <folder for screenshots>`.
// Prints a line when the story of the page was seen, and fails if the page logs an error, asks another machine or is wider than its window.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { look } from "./axe.mjs";

const [example, url, executablePath, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
const problems = [];

async function open(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() == "error" && problems.push(message.text()));
  page.on("request", (request) => /^(http:\/\/(127\.0\.0\.1|localhost)[:/]|data:)/.test(request.url()) || problems.push(request.url()));
  await page.goto(url);
  return page;
}

const STORIES = {
  async agent(wide) {
    const ask = async (text) => {
      await wide.getByLabel("Message to the agent").fill(text);
      await wide.getByRole("button", { name: "Send" }).click();
    };
    await ask("Remember that the spare key is under the blue pot");
    await wide.getByText("I have noted that the spare key is under the blue pot").waitFor();
    await ask("Hello");
    await wide.getByRole("button", { name: "Stop" }).click();
    await wide.getByText("Stopped.").waitFor();
    await ask("Where is the spare key?");
    await wide.getByText("looked up: where spare").waitFor();
    await wide.getByText("This is what you told me").waitFor();
    await wide.reload();
    await wide.getByText("This is what you told me").waitFor();
  },
  async dashboard(wide, phone) {
    await wide.getByLabel("Name of a job").fill("Import of addresses");
    await wide.getByRole("spinbutton", { name: "Rows" }).fill("15");
    await wide.getByRole("button", { name: "Start" }).click();
    await phone.getByRole("progressbar", { name: "Import of addresses" }).waitFor();
    await phone.locator("#running").getByText("1").waitFor();
    await phone.getByText(/done, 15 of 15/).waitFor();
    await wide.getByRole("button", { name: "Start" }).click();
    await phone.getByText(/of 15$/).first().waitFor();
    await wide.getByRole("button", { name: "Cancel" }).click();
    await phone.getByText(/cancelled/).waitFor();
  },
  async cursors(wide, phone) {
    for (const [page, name] of [[wide, "Ada"], [phone, "Bob"]]) {
      await page.getByLabel("Your name").fill(name);
      await page.getByRole("button", { name: "Come in" }).click();
    }
    for (const [page, other] of [[wide, "Bob"], [phone, "Ada"]]) // who came in first hears of the other a moment later
      await page.getByRole("list", { name: "Who is here" }).getByText(other).waitFor();
    await wide.mouse.move(640, 400);
    const cursor = phone.locator(".cursor").getByText("Ada");
    await cursor.waitFor();
    await wide.mouse.move(320, 400);
    await phone.waitForFunction(() => Math.abs(new DOMMatrix(getComputedStyle(document.querySelector(".cursor")).transform).e - 97.5) < 2);
    await phone.mouse.move(200, 500);
    await wide.locator(".cursor").getByText("Bob").waitFor();
  },
  async fastapi_orders(wide, phone) {
    for (const [page, email] of [[wide, "bar@example.com"], [phone, "ada@example.com"]]) {
      await page.getByLabel("E-mail").fill(email);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByText(`Live, as ${email}`).waitFor();
    }
    await phone.getByLabel("What would you like?").fill("a cortado");
    await phone.getByRole("button", { name: "Order" }).click();
    const order = wide.getByRole("listitem").filter({ hasText: "a cortado" });
    await order.getByRole("button", { name: "Brew it" }).click();
    await phone.getByRole("listitem").filter({ hasText: "a cortado" }).getByText("brewing").waitFor();
    await order.getByRole("button", { name: "It is ready" }).click();
    await phone.getByRole("listitem").filter({ hasText: "a cortado" }).getByText("ready").waitFor();
    await phone.getByRole("button", { name: "a cortado" }).waitFor();
  },
  async django_news(wide, phone) {
    await phone.getByText(/Live, 2 reading/).waitFor();
    await wide.getByLabel("Title").fill("The first frost");
    await wide.getByLabel("Text").fill("It came in the night.");
    await wide.getByRole("button", { name: "Publish" }).click();
    const article = (page) => page.getByRole("listitem").filter({ hasText: "The first frost" });
    await article(phone).getByRole("button", { name: "Applaud (0)" }).click();
    await article(wide).getByRole("button", { name: "Applaud (1)" }).waitFor();
  },
};

try {
  const wide = await open({ viewport: { width: 1280, height: 800 } });
  const phone = await open({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  await STORIES[example](wide, phone);
  console.log(`seen: the story of ${example}`);
  for (const [page, name, own, other] of [[wide, "wide", "light", "dark"], [phone, "phone", "dark", "light"]]) {
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await look(page, `${name}, ${own}`, problems);
    await page.emulateMedia({ colorScheme: other });
    await page.screenshot({ path: join(folder, `${name}-${other}.png`) });
    await look(page, `${name}, ${other}`, problems);
    const [width, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(width <= inner, `${width} > ${inner}`);
  }
  assert.deepEqual(problems, []);
} finally {
  await browser.close();
}
