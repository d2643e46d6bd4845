/** Every script of clients/fixtures that is for this client. */

import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { play, type Script } from "./runner.js";

const FIXTURES = new URL("../../../fixtures/", import.meta.url);

for (const file of readdirSync(FIXTURES).filter((name) => name.endsWith(".json")).sort()) {
  const { scripts }: { scripts: Script[] } = JSON.parse(readFileSync(new URL(file, FIXTURES), "utf8"));
  for (const script of scripts) {
    if (script.only?.includes("js") ?? true) test(`${file}: ${script.name}`, () => play(script));
  }
}
