// Which view is shown. The address holds it (`#graph/n:Stop:…`), so that the browser's back works and a view can be linked.

import { signal } from "@preact/signals";

export const VIEWS = ["overview", "live", "connections", "channels", "graph", "walkers", "tasks", "users", "streams"] as const;
export type View = (typeof VIEWS)[number];

export const view = signal<View>("overview");
export const subject = signal("");
export const theme = signal<"light" | "dark">(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
export const notice = signal<{ text: string; isBad: boolean } | null>(null);

export function go(to: View, about = ""): void {
  location.hash = about ? `${to}/${encodeURIComponent(about)}` : to;
}

function read(): void {
  const [name = "", about = ""] = location.hash.slice(1).split(/\/(.*)/s);
  view.value = VIEWS.find((one) => one === name) ?? "overview";
  try {
    subject.value = decodeURIComponent(about);
  } catch {
    subject.value = "";
  }
  document.title = `${view.value} · walkwire console`;
}

let hiding: ReturnType<typeof setTimeout> | undefined;

/** Shows a sentence for some seconds. */
export function say(text: string, isBad = false): void {
  notice.value = { text, isBad };
  clearTimeout(hiding);
  hiding = setTimeout(() => (notice.value = null), isBad ? 8000 : 4000);
}

export function begin(): void {
  addEventListener("hashchange", read);
  read();
}
