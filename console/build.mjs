// Builds the console into walkwire/server/console/static: `node build.mjs`, or with another folder as its argument.
//
// Names of scripts and styles have a hash of their content. `sources.txt` has a hash of all that the build reads, by which a
// test finds out whether it was forgotten.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const MOST = 150_000; // bytes of all files together, gzipped
const folder = process.argv[2] ?? "../walkwire/server/console/static";

// The console uses a part of Cytoscape. What it does not use is left out, as Cytoscape's own bundle has all of it: algorithms of
// graph theory, layouts, animations, a renderer for WebGL, pictures in nodes, export of pictures, most shapes and names of colours.
const LEFT_OUT = new RegExp(
  [
    "collection/algorithms/",
    "core/animation/(?!index)",
    "extensions/layout/(?!index|preset|null)",
    "extensions/renderer/canvas/(webgl/|drawing-images|export-image)",
    "extensions/renderer/base/images",
  ].join("|"),
);
const INSTEAD = {
  // A queue of what is drawn next. It holds few, so that it may be sorted when the next one is taken.
  "heap.mjs": `export default class {
    constructor(compare) { this.compare = compare; this.items = []; }
    push(item) { this.items.push(item); }
    pop() { return this.items.sort(this.compare).shift(); }
    peek() { return this.items.sort(this.compare)[0]; }
    size() { return this.items.length; }
    updateItem() {}
  }`,
  "promise.mjs": "export default Promise;",
  "map.mjs": "export default Map;",
  "set.mjs": "export default Set;",
  "core/animation/index.mjs": "export default { addToAnimationPool() {}, startAnimationLoop() {}, stopAnimationLoop() {}, animated() { return false; }, stop() { return this; } };",
};
const CUTS = {
  "util/colors.mjs": [[/const colors = \{[^]*?\n\};/, "const colors = { transparent: [0, 0, 0, 0], black: [0, 0, 0], white: [255, 255, 255] };"]],
  "extensions/renderer/base/node-shapes.mjs": [
    [/BRp\.generateRoundPolygon = [^]*?(?=BRp\.generateRoundRectangle)/, ""],
    [/BRp\.generateCutRectangle = [^]*?(?=BRp\.registerNodeShapes)/, ""],
    [/ {2}this\.generateRoundPolygon\( 'round-triangle'.*\n/, ""],
    [/ {2}this\.generateCutRectangle\(\);[^]*?(?=\n {2}nodeShapes\.makePolygon)/, ""],
  ],
};
// It takes four functions of lodash, for paths in the data of nodes and for a pause after a resize.
const LODASH = {
  debounce: "export default (call, wait) => { let timer; return (...given) => { clearTimeout(timer); timer = setTimeout(() => call(...given), wait); }; };",
  get: "export default (from, path) => [path].flat().reduce((value, key) => value?.[key], from);",
  set: "export default (to, path, value) => { const [key] = [path].flat(); to[key] = value; return to; };",
  toPath: "export default (path) => [path].flat();",
};

const cytoscape = {
  name: "cytoscape",
  setup(making) {
    const root = join(process.cwd(), "node_modules/cytoscape/src/");
    making.onResolve({ filter: /^cytoscape$/ }, () => ({ path: `${root}index.mjs` }));
    making.onResolve({ filter: /^lodash\// }, ({ path }) => ({ path: path.slice(7, -3), namespace: "lodash" }));
    making.onLoad({ filter: /.*/, namespace: "lodash" }, ({ path }) => ({ contents: LODASH[path] }));
    making.onLoad({ filter: /cytoscape\/src\/.*\.mjs$/ }, ({ path }) => {
      const name = path.slice(root.length);
      if (INSTEAD[name]) return { contents: INSTEAD[name] };
      if (LEFT_OUT.test(name)) return { contents: "export default function () {}" }; // a class for some, an empty mixin for others
      return CUTS[name] && { contents: CUTS[name].reduce(cut, readFileSync(path, "utf8")) };
    });
  },
};

function cut(text, [pattern, instead]) {
  if (!pattern.test(text)) throw new Error(`Cytoscape has changed: ${pattern} is not found`);
  return text.replace(pattern, instead);
}

const made = await build({
  entryPoints: { console: "src/main.tsx", style: "src/style.css" },
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none", // the licences are in licences.txt
  jsx: "automatic",
  jsxImportSource: "preact",
  define: { "process.env.NODE_ENV": '"production"', "process.env.TEST_BUILD": '""', "process.env.VERSION": '""' },
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  outdir: folder,
  write: false,
  metafile: true,
  plugins: [cytoscape],
  logLevel: "warning",
});

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const files = new Map(made.outputFiles.map((file) => [file.path.split("/").at(-1), Buffer.from(file.contents)]));
const named = (start, end) => [...files.keys()].find((name) => name.startsWith(start) && name.endsWith(end));
const page = readFileSync("src/index.html", "utf8")
  .replace("console.js", named("console-", ".js"))
  .replace("style.css", named("style-", ".css"));
files.set("index.html", Buffer.from(page));
files.set("licences.txt", Buffer.from(licences()));
for (const [name, content] of files) writeFileSync(join(folder, name), content);
writeFileSync(join(folder, "sources.txt"), `${hash()}\n`);

const loaded = [...files].filter(([name]) => name !== "licences.txt");
const size = loaded.reduce((sum, [, content]) => sum + gzipSync(content, { level: 9 }).length, 0);
for (const [name, content] of loaded) console.log(`${String(gzipSync(content, { level: 9 }).length).padStart(8)}  ${name}`);
console.log(`${String(size).padStart(8)}  of ${MOST}`);
if (size > MOST) throw new Error(`The console has ${size} bytes gzipped: ${MOST} at most`);

// What the licences of the libraries ask for.
function licences() {
  const packages = { preact: "preact", "@preact/signals": "@preact/signals", "@preact/signals-core": "@preact/signals-core", cytoscape: "cytoscape", uplot: "uplot" };
  return Object.keys(packages)
    .map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`)
    .join(`\n${"-".repeat(72)}\n\n`);
}

function hash() {
  const sum = createHash("sha256");
  const sources = readdirSync("src", { recursive: true }).map(String).filter((name) => /\.\w+$/.test(name)).map((name) => `src/${name}`);
  for (const name of [...sources, "build.mjs", "package-lock.json"].sort()) sum.update(`${name}\n`).update(readFileSync(name));
  return sum.digest("hex");
}
