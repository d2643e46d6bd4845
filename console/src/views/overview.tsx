// Overview: what this server is, and its figures of the last minutes.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { server } from "../api.js";
import type { chart as Chart, Line } from "../chart.js";
import { drain, send } from "../deeds.js";
import { ago, bytes, milliseconds, number } from "../format.js";
import { type Sample, samples } from "../live.js";
import { go, theme } from "../page.js";
import { Button, Facts, Head, Tag } from "../ui.js";

interface Drawing {
  title: string;
  lines: [string, (sample: Sample) => number | null][];
  show: (value: number) => string;
}

const DRAWINGS: Drawing[] = [
  { title: "Messages a second", show: number, lines: [["events", (one) => one.events], ["notifications", (one) => one.told], ["refusals", (one) => one.refusals]] },
  { title: "Walks a second", show: number, lines: [["ended", (one) => one.walks], ["under way", (one) => one.under_way]] },
  { title: "Time of walks", show: milliseconds, lines: [["median", (one) => one.p50], ["95 %", (one) => one.p95]] },
  { title: "Connections", show: number, lines: [["connections", (one) => one.connections]] },
  { title: "Waiting for clients", show: bytes, lines: [["queue", (one) => one.queue]] },
  { title: "Memory", show: bytes, lines: [["resident", (one) => one.memory]] },
  { title: "Processor", show: (value) => `${Math.round(value)} %`, lines: [["of one core", (one) => one.processor * 100]] },
  { title: "Delay of the event loop", show: milliseconds, lines: [["delay", (one) => one.lag]] },
];

export function Overview() {
  const about = server.value;
  const last = samples.value.at(-1);
  if (!about) return <Head title="Overview" />;
  return (
    <>
      <Head title="Overview" about={about.title}>
        <Button onClick={() => send("channels")}>Send…</Button>
        <Button kind={about.draining ? "main" : "plain"} onClick={() => drain(!about.draining)}>
          {about.draining ? "End the drain" : "Drain…"}
        </Button>
      </Head>
      {about.trouble && <p class="fault" role="status">Not ready: {about.trouble}</p>}
      <section class="tiles" aria-label="Now">
        <Tile name="connections" value={last ? number(last.connections) : "–"} onClick={() => go("connections")} />
        <Tile name="events a second" value={last ? number(last.events) : "–"} onClick={() => go("live")} />
        <Tile name="walks a second" value={last ? number(last.walks) : "–"} onClick={() => go("live")} />
        <Tile name="memory" value={last ? bytes(last.memory) : "–"} />
      </section>
      <section class="charts" aria-label="The last ten minutes in which this console was open">
        {DRAWINGS.map((drawing) => (
          <Figure key={drawing.title} drawing={drawing} />
        ))}
      </section>
      <section class="card" aria-label="This server">
        <Facts
          of={[
            ["Program", about.title],
            ["Mode", <Tag kind={about.production ? "bad" : "main"}>{about.production ? "production" : "development"}</Tag>],
            ["Started", `${ago(about.began)} ago`],
            ["walkwire", about.version],
            ["Python", about.python],
            ["Process", `${about.process}${about.workers > 1 ? `, one of ${about.workers}` : ""}`],
            ["Server", <span class="mono">{about.server}</span>],
            ["Database", about.database],
            ["Broker", about.broker],
            ["Walkers", number(about.walkers)],
          ]}
        />
        {about.docs && (
          <p>
            <a href="docs">Description of the API</a>
          </p>
        )}
      </section>
    </>
  );
}

function Tile(props: { name: string; value: string; onClick?: () => void }) {
  const content = (
    <>
      <strong>{props.value}</strong>
      <span>{props.name}</span>
    </>
  );
  return props.onClick ? (
    <button type="button" class="tile" onClick={props.onClick}>
      {content}
    </button>
  ) : (
    <div class="tile">{content}</div>
  );
}

function Figure({ drawing }: { drawing: Drawing }) {
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<ReturnType<typeof Chart> | null>(null);
  const isReady = useSignal(false);
  const times = samples.value.map((one) => one.at);
  const lines: Line[] = drawing.lines.map(([name, of]) => ({ name, values: samples.value.map(of) }));
  useEffect(() => {
    let isOver = false;
    void import("../chart.js").then(({ chart }) => {
      if (isOver || !place.current) return;
      drawn.current = chart(place.current, times, lines, drawing.show);
      isReady.value = true;
    });
    return () => {
      isOver = true;
      drawn.current?.end();
      drawn.current = null;
    };
  }, [theme.value]);
  useEffect(() => drawn.current?.update(times, lines), [samples.value, isReady.value]);
  const now = lines.map((line) => `${line.name} ${line.values.at(-1) == null ? "–" : drawing.show(line.values.at(-1)!)}`);
  return (
    <figure>
      <figcaption>
        {drawing.title}
        <span>
          {lines.map((line, at) => (
            <span key={line.name} class={`key k${at}`}>
              {now[at]}
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} class="chart" role="img" aria-label={`${drawing.title}: ${now.join(", ")}`} />
    </figure>
  );
}
