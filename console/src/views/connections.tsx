// Connections: the sockets of all servers, their users, channels, queues and rates.

import { signal } from "@preact/signals";
import { disconnect, send } from "../deeds.js";
import { ago, bytes, moment, number, short } from "../format.js";
import { go, subject } from "../page.js";
import { Button, type Column, Facts, Fault, Filter, Head, Id, Table, Tag, useAsked } from "../ui.js";

export interface Client {
  id: string;
  root: string;
  user: string | null;
  since: number | null;
  version: number;
  address: string;
  channels: string[];
  channels_count: number;
  refused: string[];
  own_channel: string;
  queue: number;
  events: number;
  bytes: number;
  expires: number | null;
}

const text = signal("");

export const channelList = (client: Client) =>
  client.channels
    .filter((name) => name !== client.own_channel)
    .map((name) => short(name))
    .join(", ");

const COLUMNS: Column<Client>[] = [
  { name: "Client", kind: "mono", show: (client) => client.id.slice(0, 10) + "…" + client.id.slice(-6) },
  { name: "User", show: (client) => client.user ?? short(client.root) },
  { name: "Channels", kind: "wide", show: (client) => channelList(client) || "–" },
  { name: "Since", kind: "number", show: (client) => (client.since === null ? "" : ago(client.since)) },
  { name: "Queue", kind: "number", show: (client) => <span class={client.queue > 65536 ? "warn" : ""}>{bytes(client.queue)}</span> },
  { name: "Events/s", kind: "number", show: (client) => number(client.events) },
  { name: "In/s", kind: "number", show: (client) => bytes(client.bytes) },
  { name: "Wire", kind: "number", show: (client) => `v${client.version}` },
];

export function Connections() {
  const { found, error } = useAsked<{ rows: Client[]; total: number; of: number }>("connections", { find: text.value }, 2000);
  const rows = found?.rows ?? [];
  const open = rows.find((client) => client.id === subject.value);
  return (
    <>
      <Head title="Connections" about={found ? `${number(found.total)} of ${number(found.of)}${found.total > rows.length ? `, the newest ${rows.length} are shown` : ""}` : ""}>
        <Filter value={text} label="Filter: client, user, channel, address" />
        <Button onClick={() => send("everybody")}>Broadcast…</Button>
        {text.value && rows.length > 0 && (
          <Button kind="bad" onClick={() => disconnect(rows.map((client) => client.id), true)}>
            Disconnect {rows.length}…
          </Button>
        )}
      </Head>
      <Fault text={error} />
      {open && <Details client={open} />}
      {found && (
        <Table
          label="Connections"
          rows={rows}
          columns={COLUMNS}
          id={(client) => client.id}
          chosen={subject.value}
          onChoose={(client) => go("connections", client.id === subject.value ? "" : client.id)}
          empty={text.value ? "No connection matches." : "No client is connected."}
        />
      )}
    </>
  );
}

function Details({ client }: { client: Client }) {
  return (
    <section class="card" aria-label="The connection">
      <Facts
        of={[
          ["Client", <span class="mono">{client.id}</span>],
          ["User", <Id of={client.root} name={client.user ?? client.root} onClick={() => go("graph", client.root)} />],
          ["Since", client.since === null ? "" : moment(client.since)],
          ["Address", client.address || "not counted"],
          ["Token expires", client.expires === null ? "no token" : moment(client.expires)],
          ["Queue", `${number(client.queue)} bytes`],
        ]}
      />
      <div class="row">
        {client.channels.map((name) => (
          <button key={name} type="button" class="link" onClick={() => go("channels", name)}>
            <Tag kind={client.refused.includes(name) ? "bad" : ""}>{name === client.own_channel ? "own channel" : short(name)}</Tag>
          </button>
        ))}
        {client.channels_count > client.channels.length && <span>and {client.channels_count - client.channels.length} more</span>}
      </div>
      <div class="row">
        <Button onClick={() => send("clients", client.id)}>Send…</Button>
        <Button onClick={() => disconnect([client.id], true)}>Reconnect…</Button>
        <Button kind="bad" onClick={() => disconnect([client.id], false)}>
          Disconnect…
        </Button>
      </div>
    </section>
  );
}
