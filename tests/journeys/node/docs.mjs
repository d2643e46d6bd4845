// The pages /docs and /redoc in a browser that knows no other host: `node docs.mjs <port> <chromium>`.
// Ends with exit code 1 at a request to another host, at an error or a warning in the console, and at what is not seen.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [port, executablePath] = process.argv.slice(2);
const HOST = "docs.example"; // as in production: scripts may do less on localhost
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  `--host-resolver-rules=MAP ${HOST} 127.0.0.1, MAP * ~NOTFOUND`,
];

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

  const redoc = await open("/redoc");
  await redoc.getByRole("heading", { name: "greets whoever asks" }).first().waitFor();
  console.log("seen: an operation in ReDoc");
  await redoc.getByRole("textbox", { name: "Search" }).fill("greets");
  await redoc.locator('[data-role="search:results"]').getByText("greets whoever asks").first().waitFor();
  console.log("seen: a result of the search in ReDoc");
  await redoc.waitForLoadState("networkidle");
  assert.deepEqual(problems, []);
} catch (error) {
  console.error(error.message, problems);
  process.exitCode = 1;
} finally {
  await browser.close();
}
