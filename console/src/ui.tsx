// The parts that views are made of.

import { type Signal, signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { AnswerError, ask } from "./api.js";
import { pretty, short } from "./format.js";
import { say } from "./page.js";

export type Children = ComponentChildren;

export function Button(props: { onClick: () => void; children: Children; kind?: "main" | "bad" | "plain"; label?: string; disabled?: boolean; pressed?: boolean; title?: string }) {
  return (
    <button
      type="button"
      class={props.kind ?? ""}
      onClick={props.onClick}
      aria-label={props.label}
      aria-pressed={props.pressed}
      disabled={props.disabled}
      title={props.title}
    >
      {props.children}
    </button>
  );
}

export function Head(props: { title: string; about?: Children; children?: Children }) {
  return (
    <header class="head">
      <h1>{props.title}</h1>
      {props.about && <span class="about">{props.about}</span>}
      <div class="tools">{props.children}</div>
    </header>
  );
}

/** The field that `/` jumps to. */
export function Filter(props: { value: Signal<string>; label: string }) {
  return (
    <input
      type="search"
      class="filter"
      placeholder={props.label}
      aria-label={props.label}
      value={props.value}
      onInput={(event) => (props.value.value = event.currentTarget.value)}
      spellcheck={false}
      autocomplete="off"
    />
  );
}

export function Choice<T extends string>(props: { label: string; value: T; of: readonly T[]; onChange: (value: T) => void; names?: Partial<Record<T, string>> }) {
  return (
    <select aria-label={props.label} value={props.value} onChange={(event) => props.onChange(event.currentTarget.value as T)}>
      {props.of.map((one) => (
        <option key={one} value={one}>
          {props.names?.[one] ?? one}
        </option>
      ))}
    </select>
  );
}

export interface Column<Row> {
  name: string;
  show: (row: Row) => Children;
  kind?: "number" | "mono" | "wide";
}

export function Table<Row>(props: { label: string; rows: Row[]; columns: Column<Row>[]; id: (row: Row) => string; empty?: string; chosen?: string | null; onChoose?: (row: Row) => void }) {
  if (!props.rows.length) return <p class="empty">{props.empty ?? "Nothing here."}</p>;
  return (
    <div class="table" role="region" aria-label={props.label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th key={column.name} scope="col" class={column.kind ?? ""}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => {
            const id = props.id(row);
            return (
              <tr key={id} class={id === props.chosen ? "chosen" : ""}>
                {props.columns.map((column, at) => (
                  <td key={column.name} class={column.kind ?? ""} data-name={column.name}>
                    {at === 0 && props.onChoose ? (
                      <button type="button" class="link" aria-expanded={id === props.chosen} onClick={() => props.onChoose!(row)}>
                        {column.show(row)}
                      </button>
                    ) : (
                      column.show(row)
                    )}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

export const Tag = (props: { children: Children; kind?: string }) => <span class={`tag ${props.kind ?? ""}`}>{props.children}</span>;

/** An id that is shown short, and copied whole. */
export function Id(props: { of: string; name?: string | null | undefined; onClick?: () => void }) {
  const text = props.name ?? short(props.of);
  return props.onClick ? (
    <button type="button" class="link mono" title={props.of} onClick={props.onClick}>
      {text}
    </button>
  ) : (
    <span class="mono" title={props.of}>
      {text}
    </span>
  );
}

export function Json(props: { value: unknown; label: string }) {
  return (
    <pre class="json" role="region" aria-label={props.label} tabIndex={0}>
      {pretty(props.value)}
    </pre>
  );
}

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    say("The browser does not let this page copy: mark the text and copy it", true);
  }
}

export function Facts(props: { of: [string, Children][] }) {
  return (
    <dl class="facts">
      {props.of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Dialog(props: { title: string; onClose: () => void; children: Children }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} onClose={props.onClose} aria-labelledby="dialog-title">
      <header class="head">
        <h2 id="dialog-title">{props.title}</h2>
        <div class="tools">
          <Button label="Close" kind="plain" onClick={() => dialog.current?.close()}>
            ✕
          </Button>
        </div>
      </header>
      {props.children}
    </dialog>
  );
}

/** Asks for something, and again every `every` milliseconds while the view is shown and the page is visible. */
export function useAsked<T>(path: string, query: Record<string, string | number | undefined>, every = 0): { found: T | null; error: string; again: () => void } {
  const found = useSignal<T | null>(null);
  const error = useSignal("");
  const round = useSignal(0);
  const key = JSON.stringify(query);
  useEffect(() => {
    let isOver = false;
    const look = async () => {
      try {
        const answer = await ask<T>(path, query);
        if (!isOver) [found.value, error.value] = [answer, ""];
      } catch (fault) {
        if (!isOver) error.value = fault instanceof AnswerError ? fault.message : "The server cannot be reached";
      }
    };
    const first = setTimeout(look, found.value ? 150 : 0); // while somebody types, not each letter is looked for
    const timer = every ? setInterval(() => document.hidden || look(), every) : undefined;
    return () => {
      isOver = true;
      clearTimeout(first);
      clearInterval(timer);
    };
  }, [path, key, round.value]);
  return { found: found.value, error: error.value, again: () => round.value++ };
}

export const Fault = (props: { text: string }) => (props.text ? <p class="fault" role="alert">{props.text}</p> : null);

/** A question before something that cannot be undone; null: nothing is asked. */
export const question = signal<{ text: string; deed: string; then: () => void } | null>(null);

export function Question() {
  const asked = question.value;
  if (!asked) return null;
  const end = () => (question.value = null);
  return (
    <Dialog title={asked.deed} onClose={end}>
      <p>{asked.text}</p>
      <div class="row end">
        <Button onClick={end}>Cancel</Button>
        <Button
          kind="bad"
          onClick={() => {
            end();
            asked.then();
          }}
        >
          {asked.deed}
        </Button>
      </div>
    </Dialog>
  );
}
