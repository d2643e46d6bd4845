/** Every example of the documentation compiles against the package as it is built. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PACKAGE = new URL("../../", import.meta.url); // of test/built/
const PAGES = [new URL("README.md", PACKAGE), new URL("../../docs/clients.md", PACKAGE)];

test("the examples compile", () => {
  const folder = new URL("test/built/docs/", PACKAGE);
  mkdirSync(folder, { recursive: true });
  let count = 0;
  for (const page of PAGES) {
    for (const [, language, code] of readFileSync(page, "utf8").matchAll(/^```(tsx?)\n(.*?)^```$/gms)) {
      writeFileSync(new URL(`example${++count}.${language}`, folder), code!);
    }
  }
  assert.ok(count >= 6, `${count} examples`);
  const compilerOptions = { noEmit: true, declaration: false, emitDeclarationOnly: false, rootDir: "../../..", jsx: "react-jsx", noUnusedLocals: false };
  writeFileSync(new URL("tsconfig.json", folder), JSON.stringify({ extends: "../../../tsconfig.json", compilerOptions, include: ["."] }));
  const tsc = fileURLToPath(new URL("node_modules/.bin/tsc", PACKAGE));
  const { status, stdout } = spawnSync(tsc, ["-p", fileURLToPath(folder)], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});
