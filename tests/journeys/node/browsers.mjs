// Each way in which a page can open a WebSocket as a user: `node browsers.mjs <url> <url of another origin> <token> <e-mail> <password> <chromium>`.
// Prints a line of JSON with what the pages saw.

import { chromium } from "playwright-core";

const [url, elsewhere, token, email, password, executablePath] = process.argv.slice(2);
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const browser = await chromium.launch({ executablePath, args: ARGS });
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await page.addInitScript(`window.opened = ${opened}`);
  await page.goto(url);
  const seen = await page.evaluate(story, { url, token, email, password });
  await page.reload();
  seen.cookieAfterReload = await page.evaluate((url) => window.opened({ url }), url);
  await page.goto(elsewhere);
  seen.elsewhere = await page.evaluate(stranger, { url });
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}

// These run in the page.

async function opened({ url, query = "", protocols = undefined }) {
  const socket = new WebSocket(`${url.replace("http", "ws")}websocket${query}`, protocols);
  return await new Promise((resolve) => {
    socket.onmessage = (event) => {
      const root = JSON.parse(event.data).data.root_id;
      socket.onclose = () => resolve({ root, protocol: socket.protocol });
      socket.close();
    };
    socket.onclose = (event) => resolve({ code: event.code, reason: event.reason });
  });
}

async function story({ url, token, email, password }) {
  const open = (query, protocols) => window.opened({ url, query, protocols });
  const post = async (path, headers, body) => {
    const content = { "Content-Type": "application/json" };
    const answer = await fetch(path, { method: "POST", headers: { ...content, ...headers }, body: JSON.stringify(body ?? {}) });
    return { status: answer.status, body: await answer.json() };
  };
  const seen = {};
  seen.subprotocol = await open("", ["walkwire.v1", `bearer.${token}`]);
  const { body: { ticket } } = await post("/user/ticket", { Authorization: `Bearer ${token}` });
  seen.ticket = await open(`?ticket=${ticket}`);
  seen.ticketAgain = await open(`?ticket=${ticket}`);
  seen.auth = await open(`?auth=${token}`);
  const login = await post("/user/login", {}, { email, password, cookie: true });
  seen.login = Object.keys(login.body).sort();
  seen.scriptsSee = document.cookie;
  seen.csrf = login.body.csrf_token;
  seen.withoutCsrf = (await post("/user/ticket", {})).status;
  seen.withCsrf = (await post("/user/ticket", { "X-CSRF-Token": seen.csrf })).status;
  seen.cookie = await open("");
  return seen;
}

async function stranger({ url }) {
  const reads = async (path, options) => {
    try {
      return (await fetch(new URL(path, url), { credentials: "include", ...options })).status;
    } catch {
      return "not allowed";
    }
  };
  return {
    socket: await window.opened({ url }),
    read: await reads("/util/traverse", {}),
    write: await reads("/user/ticket", { method: "POST", headers: { "X-CSRF-Token": "x" } }),
  };
}
