// The page's own connection to /websocket, as any client has one: walkers run over it, and its frames are shown.

import { signal } from "@preact/signals";
import { urlOf } from "./api.js";

export interface Frame {
  at: number;
  isOut: boolean;
  text: string;
}

const KEPT = 200;

export const frames = signal<Frame[]>([]);
export const isOpen = signal(false);

let socket: WebSocket | null = null;
let shown = ""; // the token that the connection has shown
let number = 0;
const answers = new Map<number, (frame: Record<string, unknown>) => void>();

function note(text: string, isOut: boolean): void {
  const told = isOut ? text.replace(/("token"\s*:\s*)"[^"]*"/g, '$1"…"') : text;
  frames.value = [...frames.value, { at: Date.now() / 1000, isOut, text: told }].slice(-KEPT);
}

/** Sends a frame as it is. */
export async function sendText(text: string, token: string): Promise<void> {
  const open = await opened(token);
  note(text, true);
  open.send(text);
}

/** Sends an event and waits for its reply. */
export async function call(event: Record<string, unknown>, token: string): Promise<Record<string, unknown>> {
  const open = await opened(token);
  return ask(open, event);
}

export function close(): void {
  socket?.close(1000);
}

function ask(open: WebSocket, event: Record<string, unknown>): Promise<Record<string, unknown>> {
  const id = ++number;
  return new Promise((done, fail) => {
    answers.set(id, done);
    open.addEventListener("close", () => fail(new Error("The connection was closed")), { once: true });
    const text = JSON.stringify({ ...event, id });
    note(text, true);
    open.send(text);
  });
}

async function opened(token: string): Promise<WebSocket> {
  if (socket?.readyState !== WebSocket.OPEN) {
    shown = "";
    socket = await connected();
  }
  if (shown !== token) {
    shown = token;
    await ask(socket, { type: "change_user", token: token || null });
  }
  return socket;
}

function connected(): Promise<WebSocket> {
  const made = new WebSocket(urlOf("websocket").href.replace(/^http/, "ws"));
  return new Promise((done, fail) => {
    made.onmessage = ({ data }) => {
      note(data, false);
      isOpen.value = true;
      done(made);
      const frame = JSON.parse(data);
      answers.get(frame.id)?.(frame);
      answers.delete(frame.id);
    };
    made.onclose = ({ code, reason }) => {
      isOpen.value = false;
      note(`closed: ${code} ${reason}`, false);
      fail(new Error(`The connection was closed: ${code} ${reason}`));
    };
  });
}
