// The call of a walker as code to copy.

import { urlOf } from "./api.js";

export interface Call {
  walker: string;
  method: string; // of REST, in upper case
  path: string;
  node: string;
  fields: Record<string, unknown>;
  isQuery: boolean;
  hasToken: boolean;
}

export const LANGUAGES = ["curl", "JavaScript", "Python", "Jac"] as const;
export type Language = (typeof LANGUAGES)[number];

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function pathOf(call: Call): string {
  const search = new URLSearchParams(Object.entries(call.fields).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]));
  return call.path.replace("{node}", encodeURIComponent(call.node)) + (call.isQuery && search.size ? `?${search}` : "");
}

export function codeOf(language: Language, call: Call): string {
  const socket = urlOf("websocket").href.replace(/^http/, "ws");
  const json = JSON.stringify(call.fields);
  switch (language) {
    case "curl": {
      const lines = [`curl ${call.method === "GET" ? "" : `-X ${call.method} `}${quoted(urlOf(pathOf(call)).href)}`];
      if (call.hasToken) lines.push(`-H "Authorization: Bearer $TOKEN"`);
      if (!call.isQuery) lines.push(`-H 'Content-Type: application/json'`, `-d ${quoted(json)}`);
      return lines.join(" \\\n  ");
    }
    case "JavaScript":
      return [
        `import { connect } from "walkwire";`,
        ``,
        `const client = connect({ url: "${socket}"${call.hasToken ? ", token" : ""} });`,
        `const { reports } = await client.walk("${call.walker}", ${JSON.stringify(call.fields, null, 2)}${call.node ? `, { node: "${call.node}" }` : ""});`,
      ].join("\n");
    case "Python": {
      const fields = pythonOf(call.fields);
      return [
        `import asyncio`,
        ``,
        `from walkwire.client import connect`,
        ``,
        ``,
        `async def main() -> None:`,
        `    async with connect("${socket}"${call.hasToken ? ", token=token" : ""}) as client:`,
        `        answer = await client.walk("${call.walker}", ${fields}${call.node ? `, node="${call.node}"` : ""})`,
        `        print(answer.reports)`,
        ``,
        ``,
        `asyncio.run(main())`,
      ].join("\n");
    }
    case "Jac": {
      const given = Object.entries(call.fields).map(([name, value]) => `${name}=${pythonOf(value)}`);
      return `${call.node ? `&"${call.node}"` : "root"} spawn ${call.walker}(${given.join(", ")});`;
    }
  }
}

function pythonOf(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value!).map(([name, one]) => `${JSON.stringify(name)}: ${pythonOf(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}
