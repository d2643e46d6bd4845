// Runs a snippet of JavaScript as a page would: `node snippet.mjs <file> <what it has to print in the end>`.

import { pathToFileURL } from "node:url";
import WebSocket from "ws";

const [file, last] = process.argv.slice(2);
globalThis.WebSocket = WebSocket;  // browsers have one, and so has node from 22 on

const print = console.log;
console.log = (...words) => {
  print(...words);
  if (words.join(" ") === last) process.exit(0);
};
setTimeout(() => { console.error(`It did not print: ${last}`); process.exit(1); }, 20_000);
await import(pathToFileURL(file));
