// Live: events, notifications, walks and refusals as they happen.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { server } from "../api.js";
import { clock, milliseconds, short } from "../format.js";
import { type Entry, clear, entries, isPaused, lost, pause, waiting } from "../live.js";
import { go } from "../page.js";
import { Button, Facts, Filter, Head, Id, Json, Tag } from "../ui.js";

const SHOWN = 300;
const KINDS = { event: "Events", told: "Notifications", walk: "Walks", refusal: "Refusals" } as const;
type Kind = keyof typeof KINDS;

const text = signal("");
const kinds = signal<Record<Kind, boolean>>({ event: true, told: true, walk: true, refusal: true });
const chosen = signal<number | null>(null);

const targetsOf = (entry: { targets: string[]; targets_count: number }) =>
  entry.targets.slice(0, 3).map(short).join(", ") + (entry.targets_count > 3 ? ` and ${entry.targets_count - 3} more` : "");

/** What stands in the line of an entry: its name, and what it is about. */
function lineOf(entry: Entry): [string, string] {
  switch (entry.t) {
    case "event":
      return [entry.type, entry.walker ? `${entry.walker} ${entry.data}` : `${targetsOf(entry)} ${entry.data}`];
    case "told":
      return [`→ ${entry.kind}`, `${targetsOf(entry)}  ${entry.data}`];
    case "walk":
      return [entry.walker, entry.error ?? `${entry.steps} steps, ${entry.statements} statements, ${entry.written} written, ${entry.told} told`];
    case "refusal":
      return [entry.code, entry.message];
  }
}

function matches(entry: Entry, wanted: string): boolean {
  return !wanted || JSON.stringify(entry).toLowerCase().includes(wanted);
}

export function Tail() {
  const wanted = text.value.toLowerCase();
  const found = entries.value.filter((entry) => kinds.value[entry.t] && matches(entry, wanted));
  const rows = found.slice(-SHOWN).reverse();
  return (
    <>
      <Head title="Live" about={`${found.length} entries${lost.value ? `, ${lost.value} not shown: there were too many` : ""}${server.value && server.value.workers > 1 ? `, of process ${server.value.process}` : ""}`}>
        <Filter value={text} label="Filter: client, channel, walker, text" />
        <Button pressed={isPaused.value} onClick={() => pause(!isPaused.value)} title="Key: p">
          {isPaused.value ? `Go on (${waiting.value})` : "Pause"}
        </Button>
        <Button kind="plain" onClick={clear}>
          Clear
        </Button>
      </Head>
      <div class="row" role="group" aria-label="Kinds of entries">
        {(Object.keys(KINDS) as Kind[]).map((kind) => (
          <Button key={kind} kind="plain" pressed={kinds.value[kind]} onClick={() => (kinds.value = { ...kinds.value, [kind]: !kinds.value[kind] })}>
            <i class={`dot ${kind}`} />
            {KINDS[kind]}
          </Button>
        ))}
      </div>
      {rows.length ? (
        <ol class="tail" aria-label="Entries, the newest first">
          {rows.map((entry) => (
            <Line key={entry.n} entry={entry} />
          ))}
        </ol>
      ) : (
        <p class="empty">{entries.value.length ? "No entry matches." : "Nothing has happened since this page was opened. Run a walker, or connect a client."}</p>
      )}
    </>
  );
}

function Line({ entry }: { entry: Entry }) {
  const isOpen = chosen.value === entry.n;
  const [name, about] = lineOf(entry);
  const isBad = entry.t === "refusal" || (entry.t === "walk" && entry.outcome !== "ok");
  return (
    <li class={isBad ? "bad" : ""}>
      <button type="button" class="line" aria-expanded={isOpen} onClick={() => (chosen.value = isOpen ? null : entry.n)}>
        <time>{clock(entry.at)}</time>
        <i class={`dot ${entry.t}`} />
        <span class="name">{name}</span>
        <span class="text">{about}</span>
        <span class="figure">{entry.t === "walk" ? milliseconds(entry.ms) : entry.t === "told" ? `${entry.here} here` : entry.t === "event" ? `${entry.size} B` : ""}</span>
      </button>
      {isOpen && <Details entry={entry} />}
    </li>
  );
}

function Details({ entry }: { entry: Entry }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.scrollIntoView({ block: "nearest" }), []);
  return (
    <div class="details" ref={place}>
      {entry.t === "walk" && (
        <>
          <div class="row">
            <Button kind="main" onClick={() => go("graph", `walk:${entry.n}`)}>
              Follow its path
            </Button>
            {entry.error && <Tag kind="bad">{entry.outcome}</Tag>}
            {entry.attempts > 1 && <Tag>{entry.attempts} attempts</Tag>}
            <Tag>{entry.mode}</Tag>
          </div>
          <Facts
            of={[
              ["User", <Id of={entry.root} onClick={() => go("graph", entry.root)} />],
              ["Entered at", entry.node ?? "root"],
              ["Client", entry.client ?? (entry.ids.request ? `request ${entry.ids.request}` : "none")],
              ["Status", entry.status || "none"],
              ["Read, written, told", `${entry.reads}, ${entry.written}, ${entry.told}`],
              ["Statements", entry.statements],
            ]}
          />
          {entry.error && <p class="fault">{entry.error}</p>}
          <Json label="Fields of the walker" value={entry.fields || "{}"} />
        </>
      )}
      {(entry.t === "event" || entry.t === "told") && (
        <>
          <Facts
            of={[
              ...(entry.t === "event" ? ([["Client", <Id of={entry.client} name={entry.client} onClick={() => go("connections", entry.client)} />], ["User", <Id of={entry.root} onClick={() => go("graph", entry.root)} />]] as [string, preact.ComponentChildren][]) : []),
              ["Receivers", entry.targets.join("  ") || "none"],
              ["Size", `${entry.size} bytes`],
              ["Number", entry.n],
            ]}
          />
          <Json label="Data" value={entry.data || "{}"} />
        </>
      )}
      {entry.t === "refusal" && (
        <>
          <p class="fault">{entry.message}</p>
          <Facts
            of={[
              ["Code", entry.code],
              ["Event", entry.type ?? "over REST"],
              ["Client", entry.client ?? `request ${entry.request ?? ""}`],
            ]}
          />
        </>
      )}
    </div>
  );
}
