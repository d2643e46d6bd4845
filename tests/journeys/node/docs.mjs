// The pages /docs and /redoc in a browser that knows no other host: `node docs.mjs <port> <chromium>`.
// Ends with exit code 1 at a request to another host, at an error or a warning in the console, and at what is not seen.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { look } from "./axe.mjs";

const [port, executablePath] = process.argv.slice(2);
const HOST = "docs.example"; // as in production: scripts may do less on localhost
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  `--host-resolver-rules=MAP ${HOST} 127.0.0.1, MAP * ~NOTFOUND`,
];

// What axe finds in markup that Swagger UI and ReDoc make, and walkwire takes as it is. The rest of these rules is looked at on the other pages.
const NOT_OURS = {
  realtime: {},
  redoc: {
    "heading-order": false, // it writes h5 below h2
    "label-content-name-mismatch": false, // its menu names an operation without the method, which it shows
  },
  docs: {
    "color-contrast": false, // its green badges, and the link to the description
    "heading-order": false, // it writes h3 below h1
    "nested-interactive": false, // its operations are buttons with links in them
    region: false, // its head is outside of its main
  },
};

const browser = await chromium.launch({ executablePath, args: ARGS });
const problems = [];

async function open(path) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => problems.push(`${path}: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`${path}: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (!["data:", "blob:"].includes(protocol) && hostname !== HOST) problems.push(`${path} asks ${request.url()}`);
  });
  await page.goto(`http://${HOST}:${port}${path}`);
  return page;
}

try {
  const docs = await open("/docs");
  const operation = docs.locator(".opblock", { hasText: "/walker/greet" }).first();
  await operation.getByRole("button").first().click();
  console.log("seen: an operation in Swagger UI");
  await operation.getByRole("button", { name: "Try it out" }).click();
  await operation.getByRole("button", { name: "Execute" }).click();
  await operation.getByText("Hello, string").first().waitFor();
  console.log("seen: the answer to an operation that was tried");

  await docs.getByRole("link", { name: "Realtime: the WebSocket" }).click();
  await docs.getByRole("heading", { name: "The WebSocket" }).waitFor();
  await docs.getByText("Events of clients").first().click();
  await docs.getByRole("heading", { name: "change_user" }).first().waitFor();
  console.log("seen: the page of the WebSocket");

  const redoc = await open("/redoc");
  await redoc.getByRole("heading", { name: "greets whoever asks" }).first().waitFor();
  console.log("seen: an operation in ReDoc");
  await redoc.getByRole("textbox", { name: "Search" }).fill("greets");
  await redoc.locator('[data-role="search:results"]').getByText("greets whoever asks").first().waitFor();
  console.log("seen: a result of the search in ReDoc");
  await redoc.waitForLoadState("networkidle");

  for (const [page, name] of [[docs, "realtime"], [redoc, "redoc"], [await open("/docs"), "docs"]]) {
    if (name === "docs") await page.locator(".opblock").first().waitFor();
    const schemes = name === "realtime" ? ["light", "dark"] : ["light"]; // the others have one
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 900 });
      for (const colorScheme of schemes) {
        await page.emulateMedia({ colorScheme });
        await look(page, `${name}, ${width}, ${colorScheme}`, problems, { rules: NOT_OURS[name] });
      }
    }
  }
  assert.deepEqual(problems, []);
} catch (error) {
  console.error(error.message, problems);
  process.exitCode = 1;
} finally {
  await browser.close();
}
