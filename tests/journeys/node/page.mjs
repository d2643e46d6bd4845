// The demo page, driven as two people would: `node page.mjs <url> <chromium> <folder for screenshots>`.
// Each step prints a line when it was seen; the first that is not seen within the time-out ends with its name and exit code 1.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, executablePath, folder] = process.argv.slice(2);
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const browser = await chromium.launch({ executablePath, args: ARGS });
const problems = [];

async function open(options = {}, at = url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => problems.push(error.message));
  await page.goto(at);
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

const sees = (page, text) => page.getByRole("log").getByText(text, { exact: true }).waitFor();
const says = async (page, kind, message) => {
  await page.getByRole("radio", { name: kind }).check({ force: true });
  await page.getByLabel("Message", { exact: true }).fill(message);
  await page.getByRole("button", { name: "Send", exact: true }).click();
};
const signUp = async (page, email) => {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill("correct horse battery staple");
  await page.getByRole("button", { name: "Register" }).click();
  await page.getByRole("status").getByText(`Connected as ${email}`).waitFor();
};
const choose = (page, name) => page.getByRole("list", { name: "Windows in this channel" }).getByRole("button", { name }).first().click();
const count = (page, text) => page.getByRole("log").getByText(text, { exact: true }).count();
const walks = async (page, walker) => {
  await page.getByRole("button", { name: walker }).click();
  await page.getByText("The walker answered with status 200.").waitFor();
};

async function story() {
  const ada = await open();
  await step("the page connects as a guest", () => ada.getByRole("status").getByText("Connected as Guest").waitFor());
  await step("alone, it says to open a second window", () => ada.getByText("Open a second window to have company").waitFor());

  const bob = await open({ colorScheme: "dark" });
  await step("two windows find each other", () => Promise.all(
    [ada, bob].map((page) => page.getByRole("list", { name: "Windows in this channel" }).getByRole("listitem").nth(1).waitFor())));

  await step("a guest is told that walkers need a user", async () => {
    await ada.getByRole("button", { name: "send_chat_to_group" }).click();
    await ada.getByRole("alert").getByText("Event send_chat_to_group requires to be authenticated!").waitFor();
  });

  await step("ada registers", () => signUp(ada, "ada@example.com"));
  await step("bob registers", () => signUp(bob, "bob@example.com"));
  await step("an address can be registered once", async () => {
    const eve = await open();
    await eve.getByLabel("E-mail").fill("ADA@example.com");
    await eve.getByLabel("Password").fill("something else entirely");
    await eve.getByRole("button", { name: "Register" }).click();
    await eve.getByRole("alert").getByText("This e-mail has an account already. Log in instead.").waitFor();
    await eve.getByRole("button", { name: "Log in" }).click();
    await eve.getByRole("alert").getByText("Invalid Email/Password!").waitFor();
    await eve.close();
  });
  await step("a window that was closed is no longer listed", () => ada.waitForFunction(() => document.querySelectorAll("#people li").length === 2));

  const second = await open({ viewport: { width: 390, height: 844 } });
  await step("ada logs in in a second window of hers, small as a phone", async () => {
    await second.getByLabel("E-mail").fill("ada@example.com");
    await second.getByLabel("Password").fill("correct horse battery staple");
    await second.getByRole("button", { name: "Log in" }).click();
    await second.getByRole("status").getByText("Connected as ada@example.com").waitFor();
  });

  await step("the three windows know each other by name", async () => {
    for (const page of [ada, bob, second]) await page.getByRole("list", { name: "Windows in this channel" }).getByText("@example.com").nth(2).waitFor();
  });

  await step("a channel event reaches everyone in it", async () => {
    await says(bob, "Channel", "Hello, everyone");
    await Promise.all([ada, bob, second].map((page) => sees(page, "Hello, everyone")));
  });
  await step("a user event reaches all windows of that user", async () => {
    await choose(bob, "ada@example.com");
    await says(bob, "User", "Ada, wherever you are");
    await Promise.all([ada, second, bob].map((page) => sees(page, "Ada, wherever you are")));
  });
  await step("a client event reaches one window alone", async () => {
    await choose(ada, "bob@example.com");
    await says(ada, "Client", "Just this window of yours");
    await Promise.all([bob, ada].map((page) => sees(page, "Just this window of yours")));
  });

  await step("send_chat_to_group tells everyone in the channel", async () => {
    await walks(ada, "send_chat_to_group");
    for (const page of [ada, bob, second]) await sees(page, "string");
  });
  await step("send_chat_to_user tells the chosen user", async () => {
    await walks(ada, "send_chat_to_user");
    await bob.getByRole("log").getByText("string", { exact: true }).nth(1).waitFor();
  });
  await step("send_chat_to_client tells the chosen window", async () => {
    await walks(ada, "send_chat_to_client");
    await bob.getByRole("log").getByText("string", { exact: true }).nth(2).waitFor();
  });
  await step("nobody else heard what was for one", async () => {
    // What is said last arrives last, so that by then anything said before would be here.
    await says(bob, "Channel", "That was all");
    await Promise.all([ada, bob, second].map((page) => sees(page, "That was all")));
    assert.equal(await count(second, "Just this window of yours"), 0);
    assert.deepEqual(await Promise.all([ada, bob, second].map((page) => count(page, "string"))), [1, 3, 1]);
  });

  await step("what others send is shown as text", async () => {
    await says(bob, "Channel", "<img src=x onerror=alert(1)> & <b>bold</b>");
    await sees(ada, "<img src=x onerror=alert(1)> & <b>bold</b>");
    assert.equal(await ada.locator("#messages img, #messages b").count(), 0);
  });

  await ada.screenshot({ path: join(folder, "light.png"), fullPage: true });
  await bob.screenshot({ path: join(folder, "dark.png"), fullPage: true });
  await second.screenshot({ path: join(folder, "phone.png"), fullPage: true });

  await step("the connection is shown", async () => {
    const data = await ada.locator("dd").allTextContents();
    assert.match(data[0], /^\d+:[0-9a-f]{32}$/);
    assert.match(data[1], /^n::[0-9a-f]{24}$/);
    assert.equal(data[2], "lobby");
  });
  await step("another channel is another room", async () => {
    await second.getByLabel("Another channel").fill("den & co");
    await second.getByRole("button", { name: "Go there" }).click();
    await second.getByText("Only this one so far").waitFor();
    await second.getByRole("status").getByText("Connected as ada@example.com").waitFor();
    await ada.waitForFunction(() => document.querySelectorAll("#people li").length === 2);
    assert.equal(await second.locator("#channel_id").textContent(), "den & co");
  });
  await step("one can be a guest again", async () => {
    await bob.getByRole("button", { name: "Be a guest again" }).click();
    await bob.getByRole("status").getByText("Connected as Guest").waitFor();
    await ada.getByRole("list", { name: "Windows in this channel" }).getByText("Guest").waitFor();
  });

  const alone = await open({}, `${url}?channel_id=quiet`);
  await alone.getByText("Only this one so far").waitFor();
  await alone.screenshot({ path: join(folder, "first.png"), fullPage: true });
  assert.deepEqual(problems, []);
}

let code = 0;
try {
  await story();
} catch (error) {
  console.error(error.stack);
  code = 1;
} finally {
  await browser.close();
}
process.exit(code);
