// The documentation's site, as it is read: `node site.mjs <url> <chromium> <folder for screenshots>`.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { look } from "./axe.mjs";

const [url, executablePath, folder] = process.argv.slice(2);
const PAGES = ["", "quickstart/", "tutorial/live/", "concepts/event/", "reference/program/", "limits/", "troubleshooting/"];
// What axe finds in the markup of the theme.
const NOT_OURS = {
  "landmark-unique": false, // two navigations of one name, one of which a page hides, and an unnamed one beside each code
  "scrollable-region-focusable": false, // the frame that it puts around a wide table
};
const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu"] });
const problems = [];

async function open(options) {
  const page = await (await browser.newContext(options)).newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (line) => ["error", "warning"].includes(line.type()) && problems.push(line.text()));
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(url) && !/^(data|blob):/.test(asked)) problems.push(`asks for ${asked}`);
  });
  return page;
}

try {
  for (const [width, height] of [[1280, 900], [390, 844]]) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open({ viewport: { width, height }, colorScheme });
      for (const path of PAGES) {
        await page.goto(url + path, { waitUntil: "load" });
        const isTooWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
        if (isTooWide) problems.push(`${path} is wider than ${width}`);
        await look(page, `/${path}, ${width}, ${colorScheme}`, problems, { rules: NOT_OURS });
        await page.screenshot({ path: join(folder, `${path.replaceAll("/", "-")}${width}-${colorScheme}.png`) });
      }
      assert.deepEqual(problems, []);
      console.log(`seen: ${PAGES.length} pages at ${width}, ${colorScheme}`);
      await page.context().close();
    }
  }
  const page = await open({ viewport: { width: 1280, height: 900 } });
  await page.goto(url);
  await page.keyboard.press("Control+K");
  await page.keyboard.type("strict serialisability");
  await page.getByRole("link", { name: /units of work/i }).first().waitFor();
  assert.deepEqual(problems, []);
  console.log("seen: the search finds a page");
} finally {
  await browser.close();
}
