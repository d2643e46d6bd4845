/** The server's part in tests that are not about it. */

import type { FakeSocket } from "./fake.js";

/** Accept a connection and answer its `connect`, with positions by channel id. Return the event. */
export function welcome(socket: FakeSocket, channels: Record<string, string> = {}): any {
  socket.accept();
  const event = socket.sent.shift();
  const places = Object.entries(channels).map(([id, at]) => [id, { at, recovered: null }]);
  const streams = { user: { at: "u0", recovered: null }, client: { at: "c0", recovered: null }, channels: Object.fromEntries(places) };
  const data = { client_id: "c1", root_id: "n::1", session: "S1", session_seconds: 300, streams };
  socket.say({ type: "reply", id: event.id, ok: true, data });
  return event;
}
