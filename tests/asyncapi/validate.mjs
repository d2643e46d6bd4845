// Validates AsyncAPI documents: `node validate.mjs <file>…`. Prints what is wrong, and ends with exit code 1 if anything is.

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
  const problems = diagnostics.filter(({ severity }) => severity <= 1); // errors and warnings
  for (const { code, path, message } of problems) console.log(`${code} at ${path.join("/")}: ${message}`);
  if (!document || problems.length) process.exitCode = 1;
  else console.log(`AsyncAPI ${document.version()}: ${document.operations().length} operations`);
}
