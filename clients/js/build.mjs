// Builds dist/ from src/ (bundles by esbuild, types by tsc) and test/built/ from test/: `node build.mjs`.

import { execFileSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

// Properties that only this package sees get short names. None of them may be on the wire, or in what an application reads.
const INTERNAL = [
  "abandon", "ask", "asked", "changed", "changing", "closed", "dropped", "extend", "floor", "heard", "introduction", "isAnswered", "isAsked",
  "isIn", "live", "lost", "mayResend", "opened", "placed", "position", "positionOf", "renewing", "sentAt", "takeBack", "unchanged", "unit",
  "userChanged", "welcome", "welcomed",
];
const common = { bundle: true, format: "esm", target: "es2022", logLevel: "warning" };

for (const folder of ["dist", "test/built"]) rmSync(folder, { recursive: true, force: true });
await build({
  ...common,
  entryPoints: ["src/index.ts", "src/react.ts"],
  outdir: "dist",
  minify: true,
  mangleProps: new RegExp(`^(${INTERNAL.join("|")})$`),
  sourcemap: true,
  external: ["react"],
});
execFileSync("node_modules/.bin/tsc", ["-p", "."], { stdio: "inherit" });
await build({
  ...common,
  entryPoints: readdirSync("test").filter((name) => name.endsWith(".test.ts")).map((name) => `test/${name}`),
  outdir: "test/built",
  outExtension: { ".js": ".mjs" },
  platform: "node",
  packages: "external", // the tests import the built package by its name
  sourcemap: "inline",
});
execFileSync("node_modules/.bin/tsc", ["-p", "test"], { stdio: "inherit" });
