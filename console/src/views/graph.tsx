// Graph: the graph of a user, expanded node by node, and the path of a walk on it, step by step.

import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { drawing as Drawing } from "../drawing.js";
import { milliseconds, moment, pretty, short } from "../format.js";
import { type Node, chosen, edges, expand, followWalk, forget, goTo, hidden, idOf, kinds, more, nameOf, nodes, step, turn, walk } from "../graph.js";
import { go, subject, theme } from "../page.js";
import { Button, Facts, Head, Json, Tag, copy } from "../ui.js";

const PUBLIC = "n::000000000000000000000001";

const asked = signal("");

export function Graph() {
  useEffect(() => {
    const about = subject.value;
    if (about.startsWith("walk:")) void followWalk(about.slice(5));
    else if (about) {
      if (walk.value || !nodes.value.has(idOf(about))) forget();
      void expand(about);
    } else if (!nodes.value.size) void expand(PUBLIC);
  }, [subject.value]);
  const node = chosen.value ? nodes.value.get(chosen.value) : undefined;
  return (
    <>
      <Head title="Graph" about={`${nodes.value.size} nodes, ${edges.value.size} edges`}>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (asked.value.trim()) go("graph", asked.value.trim());
          }}
        >
          <input class="filter mono" aria-label="Root, node or edge" placeholder="n:Class:… of a root, node or edge" spellcheck={false} value={asked} onInput={(event) => (asked.value = event.currentTarget.value)} />
          <button type="submit">Show</button>
        </form>
        <Button kind="plain" onClick={() => (forget(), subject.value && subject.value !== PUBLIC ? go("graph", PUBLIC) : void expand(PUBLIC))}>
          Public root
        </Button>
      </Head>
      <div class="row" role="group" aria-label="Classes">
        {kinds.value.map(([kind, count]) => (
          <Button key={kind} kind="plain" pressed={!hidden.value.has(kind)} onClick={() => turn(kind)}>
            {kind} {count}
          </Button>
        ))}
      </div>
      <div class="graph">
        <Canvas />
        <div class="beside">
          {walk.value && <Path />}
          {node ? <Inspector node={node} /> : !walk.value && <p class="empty">Choose a node to see its fields and links. A double click, or Expand, shows its neighbours.</p>}
        </div>
      </div>
    </>
  );
}

function Canvas() {
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<ReturnType<typeof Drawing> | null>(null);
  const isReady = useSignal(false);
  useEffect(() => {
    let isOver = false;
    void import("../drawing.js").then(({ drawing }) => {
      if (isOver || !place.current) return;
      drawn.current = drawing(place.current, (id) => (chosen.value = id !== null && nodes.value.has(id) ? id : null), (id) => void expand(id));
      isReady.value = true;
    });
    return () => {
      isOver = true;
      drawn.current?.end();
      drawn.current = null;
    };
  }, []);
  const shown = [...nodes.value.values()].filter(({ kind }) => !hidden.value.has(kind));
  const ids = new Set(shown.map(({ id }) => id));
  const links = [...edges.value.values()].filter(({ source, target }) => ids.has(source) && ids.has(target));
  const steps = walk.value?.steps ?? [];
  const now = steps[step.value];
  const past = steps.slice(0, step.value + 1);
  useEffect(() => {
    const marks = {
      chosen: chosen.value,
      at: now ? idOf(now.place) : null,
      visited: new Set(past.map(({ place }) => idOf(place))),
      written: new Set(past.flatMap(({ writes }) => writes.map(([, name]) => idOf(name)))),
      read: new Set((now?.reads ?? []).map(([name]) => idOf(name))),
    };
    drawn.current?.update(shown, links, marks, theme.value === "dark");
  }, [nodes.value, edges.value, hidden.value, chosen.value, walk.value, step.value, theme.value, isReady.value]);
  return (
    <div class="canvas">
      <div ref={place} role="img" aria-label={`A drawing of ${shown.length} nodes and ${links.length} edges. Beside it, the chosen node is described and its links lead on.`} />
      <div class="zoom">
        <Button kind="plain" label="Larger" onClick={() => drawn.current?.zoom(1.3)}>
          +
        </Button>
        <Button kind="plain" label="Smaller" onClick={() => drawn.current?.zoom(1 / 1.3)}>
          −
        </Button>
        <Button kind="plain" label="Show all" onClick={() => drawn.current?.fit()}>
          ⤢
        </Button>
      </div>
    </div>
  );
}

function Inspector({ node }: { node: Node }) {
  const links = [...edges.value.values()].filter(({ source, target }) => source === node.id || target === node.id);
  return (
    <section class="card" aria-label="The chosen node">
      <header class="head">
        <h2>
          {nameOf(node)} <Tag>{node.kind}</Tag>
        </h2>
      </header>
      <Facts
        of={[
          ["Reference", <button type="button" class="link mono" title="Copy" onClick={() => void copy(node.reference)}>{node.reference}</button>],
          ["Owner", <button type="button" class="link mono" onClick={() => go("graph", `n::${node.owner}`)}>{short(node.owner)}</button>],
          ["Version", node.version],
          ["Grants", node.access ? <code>{JSON.stringify(node.access)}</code> : "none"],
        ]}
      />
      <Json label="Fields of the node" value={node.data} />
      <div class="row">
        <Button kind="main" onClick={() => void expand(node.reference)}>
          {more.value.has(node.id) ? "Expand further" : "Expand"}
        </Button>
        <Button onClick={() => go("channels", node.reference)}>Channel</Button>
      </div>
      <h3>Links that are drawn: {links.length}</h3>
      <ul class="links">
        {links.map((edge) => {
          const isOut = edge.source === node.id;
          const far = nodes.value.get(isOut ? edge.target : edge.source);
          return (
            far && (
              <li key={edge.id}>
                <span title={edge.reference}>
                  {isOut ? "→" : "←"} {edge.kind || "edge"}
                </span>
                <button type="button" class="link" onClick={() => (chosen.value = far.id)}>
                  {nameOf(far)} ({far.kind})
                </button>
                {Object.keys(edge.data).length > 0 && <code>{JSON.stringify(edge.data)}</code>}
              </li>
            )
          );
        })}
      </ul>
    </section>
  );
}

function Path() {
  const found = walk.value!;
  const now = found.steps[step.value];
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const line = list.current?.querySelector<HTMLElement>("[aria-current]");
    if (line && list.current) list.current.scrollTop = line.offsetTop - list.current.offsetTop - 40;
  }, [step.value]);
  const name = (reference: string) => {
    const known = nodes.value.get(idOf(reference));
    return known ? `${nameOf(known)} (${known.kind})` : reference.replace(idOf(reference), `…${reference.slice(-4)}`);
  };
  const change = (reference: string) => found.written.find((one) => one.reference === reference);
  const told = found.told.filter((one) => one.step === step.value);
  return (
    <section class="card" aria-label="The path of a walk">
      <header class="head">
        <h2>
          {found.walker} <Tag kind={found.error ? "bad" : "main"}>{found.error ? "failed" : found.status}</Tag>
        </h2>
        <div class="tools">
          <Button kind="plain" label="Close the walk" onClick={() => ((walk.value = null), go("graph", found.root))}>
            ✕
          </Button>
        </div>
      </header>
      <p class="about">
        {moment(found.began)}, {found.ms === null ? "" : milliseconds(found.ms)}, {found.attempts} {found.attempts === 1 ? "attempt" : "attempts"}, {found.statements} statements
        {found.is_cut && ", a part of a longer walk"}
      </p>
      {found.error && <p class="fault">{found.error}</p>}
      <div class="row">
        <Button label="Step before" disabled={step.value <= 0} onClick={() => goTo(step.value - 1)}>
          ◀
        </Button>
        <span>
          step {found.steps.length ? step.value + 1 : 0} of {found.steps.length}
        </span>
        <Button label="Next step" disabled={step.value >= found.steps.length - 1} onClick={() => goTo(step.value + 1)}>
          ▶
        </Button>
      </div>
      <ol class="steps" ref={list} tabIndex={0} aria-label="Steps">
        {found.steps.map((one, at) => (
          <li key={at}>
            <button type="button" class="link" aria-current={at === step.value ? "step" : undefined} onClick={() => goTo(at)} style={{ paddingInlineStart: `calc(8px + ${one.depth}em)` }}>
              <b>{one.ability}</b> at {name(one.place)}
              <span class="figure">{one.ms === null ? "failed here" : milliseconds(one.ms)}</span>
            </button>
          </li>
        ))}
      </ol>
      {now && (
        <>
          <h3>
            {now.walker}.{now.ability} <span class="about mono">{now.code}</span>
          </h3>
          <h4>Read: {now.reads.length}</h4>
          <ul class="links">
            {now.reads.slice(0, 50).map(([reference, version], at) => (
              <li key={at}>
                {reference.startsWith("around ") ? (
                  <>neighbours of <button type="button" class="link" onClick={() => void expand(reference.slice(7))}>{name(reference.slice(7))}</button></>
                ) : reference.includes(":") ? (
                  <>
                    <button type="button" class="link" onClick={() => void expand(reference)}>{name(reference)}</button>
                    <span class="about">{version ? `version ${version}` : "absent"}</span>
                  </>
                ) : (
                  <>{reference} <span class="about">{version}</span></>
                )}
              </li>
            ))}
          </ul>
          <h4>Wrote: {now.writes.length}</h4>
          <ul class="links">
            {now.writes.slice(0, 50).map(([deed, reference], at) => {
              const written = change(reference);
              return (
                <li key={at}>
                  <Tag kind={deed === "deleted" ? "bad" : "main"}>{deed}</Tag> {name(reference)}
                  {written && (
                    <pre class="diff">
                      {written.before !== null && written.before !== written.after && <del>{pretty(written.before)}</del>}
                      {written.after !== null && <ins>{pretty(written.after)}</ins>}
                    </pre>
                  )}
                </li>
              );
            })}
          </ul>
          <h4>Told: {told.length}</h4>
          <ul class="links">
            {told.map((one, at) => (
              <li key={at}>
                {one.kind} {one.targets.map(short).join(", ")} <code>{one.data}</code>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
