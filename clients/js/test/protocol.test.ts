/** The conversations on the page of the protocol: the client says what is written there, and understands the answers. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Client, connect } from "walkwire";
import { FakeClock, FakeNetwork, settled } from "./fake.js";

const PAGE = new URL("../../../../docs/protocol-v2.md", import.meta.url);
const conversations = [...readFileSync(PAGE, "utf8").matchAll(/^```conversation2\n(.*?)^```$/gms)].map(([, text]) => text!.trim().split("\n"));

/** What an application does so that the client sends an event, by type. */
const DO: Record<string, (client: Client, event: any, clock: FakeClock) => unknown> = {
  channel: (client, { channel_ids, data }) => client.sendToChannels(channel_ids, data),
  ping: (_, __, clock) => clock.advance(25_000),
  history: (client, { channel_id, limit, before, after }) => client.history(channel_id, { limit, before, after }),
  join: (client, event) => void wishes(event).channels.map(({ channel_id, ...options }: any) => client.channel(channel_id, options)),
  leave: (client, { channel_ids }) => void channel_ids.map((id: string) => client.channel(id).leave()),
  walker: (client, { walker, context, node, key = false }) => client.walk(walker, context, { node, key }),
  presence: (client, { channel_id, after, limit }) => client.channel(channel_id).members({ after, limit }),
  change_user: (client, { token }) => client.changeUser(token),
};

/** The client joins by `channels`, and the page shows `channel_ids` too. */
function wishes({ channel_ids, presence, channels, ...event }: any): any {
  return { ...event, channels: channels ?? channel_ids.map((channel_id: string) => ({ channel_id, presence })) };
}

for (const [index, lines] of conversations.entries()) test(`conversation ${index + 1} of the page`, async () => {
  const network = new FakeNetwork();
  const clock = new FakeClock();
  const told: unknown[] = [];
  const results: Promise<unknown>[] = [];
  let client: Client | undefined;
  let id: unknown;
  let calls = 0;
  for (const line of lines) {
    let frame = JSON.parse(line.slice(2));
    if (line.startsWith("<")) {
      network.last!.say(frame.type == "reply" ? { ...frame, id } : frame);
    } else {
      if (frame.type == "connect") {
        const { token, channels = [], info } = frame;
        client = connect({ url: "ws://server.test/websocket", token, info, clock, WebSocket: network.WebSocket });
        for (const { channel_id, ...options } of channels) {
          client.channel(channel_id, options).on("message", ({ data }) => told.push(data));
        }
        await settled();
        network.last!.accept();
      } else {
        assert.ok(DO[frame.type], `the client has no way to say ${line}`);
        const result = DO[frame.type]!(client!, frame, clock);
        if (result instanceof Promise && frame.type != "ping") results.push(result);
        else await result;
      }
      if (frame.type == "join") frame = wishes(frame);
      const sent = network.last!.sent.shift();
      id = sent?.id;
      assert.deepEqual({ ...sent, id: frame.id }, frame, `said in place of ${line}`);
      calls++;
    }
    await settled();
  }
  await Promise.all(results); // each was answered
  assert.equal(client!.state, "connected");
  assert.deepEqual(told, lines.filter((line) => /^< ."type":"channel"/.test(line)).map((line) => JSON.parse(line.slice(2)).data));
  assert.ok(calls);
  client!.close();
});

test("there are conversations", () => assert.ok(conversations.length));
