// The page of the tutorial, driven as two people would: `node tutorial.mjs <url> <chromium> <folder for screenshots>`.
// Each step prints a line when it was seen.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, executablePath, folder] = process.argv.slice(2);
const PASSWORD = "correct horse battery staple";
const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu"] });
const problems = [];

async function open(options, at = url) {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })).newPage();
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => request.url().startsWith(url) || problems.push(`asks for ${request.url()}`));
  await page.goto(at);
  return page;
}

async function step(name, work) {
  await work();
  console.log(`seen: ${name}`);
}

const signIn = async (page, email, button) => {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: button }).click();
};
const add = async (page, text) => {
  await page.getByLabel("New item").fill(text);
  await page.getByRole("button", { name: "Add" }).click();
};
const state = (page, text) => page.getByRole("status").getByText(text, { exact: true }).waitFor();

try {
  const bob = await open({ colorScheme: "dark", viewport: { width: 390, height: 844 } });
  await signIn(bob, "bob@example.com", "Register");
  const ada = await open({ colorScheme: "light" });
  await step("a user registers and makes a list", async () => {
    await signIn(ada, "ada@example.com", "Register");
    await ada.getByLabel("New list").fill("Groceries");
    await ada.getByRole("button", { name: "Make" }).click();
    await ada.getByRole("heading", { name: "Groceries" }).waitFor();
    await state(ada, "live");
  });
  await step("an item is added", async () => {
    await add(ada, "Milk");
    await ada.getByRole("checkbox", { name: "Milk" }).waitFor();
  });
  await step("another user is refused", async () => {
    await bob.goto(ada.url());
    await bob.reload();
    await signIn(bob, "bob@example.com", "Sign in");
    await bob.getByRole("status").getByText("403").waitFor();
  });
  await step("after an invitation the list is shown", async () => {
    await ada.evaluate(async ([list, account]) => {
      const post = async (path, body, token) => {
        const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
        return (await fetch(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
      };
      const { token } = await post("/user/login", account);
      await post(`/walker/invite/${list}`, { email: "bob@example.com" }, token);
    }, [decodeURIComponent(new URL(ada.url()).hash.slice(1)), { email: "ada@example.com", password: PASSWORD }]);
    await bob.reload();
    await signIn(bob, "bob@example.com", "Sign in");
    await bob.getByRole("heading", { name: "Groceries" }).waitFor();
    await state(bob, "live");
  });
  await step("a change of one is seen by the other", async () => {
    await bob.getByRole("checkbox", { name: "Milk" }).check();
    await ada.locator("li.done", { hasText: "Milk" }).waitFor();
  });
  await step("an item appears without a reload", async () => {
    await add(ada, "Bread");
    await bob.getByRole("checkbox", { name: "Bread" }).waitFor();
  });
  await step("nothing else was asked for, and no error came up", async () => assert.deepEqual(problems, []));
  await ada.screenshot({ path: join(folder, "wide.png") });
  await bob.screenshot({ path: join(folder, "phone.png") });
} finally {
  await browser.close();
}
