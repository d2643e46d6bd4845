// Walkers: each with a form made from its fields, run over REST or the socket, with its answer, its frames and the code to copy.

import { type Signal, signal, useComputed, useSignal } from "@preact/signals";
import { urlOf } from "../api.js";
import { type Call, type Language, LANGUAGES, codeOf, pathOf } from "../code.js";
import { Form, type Schema, type Texts, valuesOf } from "../form.js";
import { clock, milliseconds, pretty } from "../format.js";
import { go, say, subject } from "../page.js";
import { choose, me, people, signIn, useToken } from "../session.js";
import { call, close, frames, isOpen, sendText } from "../socket.js";
import { Button, Choice, Dialog, Fault, Filter, Head, Tag, copy, useAsked } from "../ui.js";

interface Walker {
  name: string;
  about: string | null;
  methods: string[];
  paths: { url: string; at_node: boolean }[];
  auth: boolean;
  private: boolean;
  webhook: boolean;
  entry: string;
  on: string[];
  query: string[] | "*";
  background: boolean;
  is_async: boolean;
  schema: Schema | null;
  file: string | null;
}

const text = signal("");
const forms = new Map<string, Signal<Texts>>(); // what was filled in stays while the page is open
const node = signal("");
const road = signal<"socket" | "REST">("REST");
const language = signal<Language>("curl");
const isSigningIn = signal(false);

export function Walkers() {
  const { found, error } = useAsked<{ rows: Walker[] }>("walkers", {});
  const rows = found?.rows ?? [];
  const shown = rows.filter(({ name, about }) => `${name} ${about ?? ""}`.toLowerCase().includes(text.value.toLowerCase()));
  const open = rows.find(({ name }) => name === subject.value);
  return (
    <>
      <Head title="Walkers" about={found ? `${rows.length}` : ""}>
        <Filter value={text} label="Filter walkers" />
        <label class="inline">
          Run as
          <Choice label="Run as" value={me.value.name} of={people.value.map(({ name }) => name)} onChange={choose} />
        </label>
        <Button onClick={() => (isSigningIn.value = true)}>Sign in…</Button>
      </Head>
      <Fault text={error} />
      {isSigningIn.value && <SignIn />}
      <div class="two walkers">
        <nav class="list" aria-label="Walkers">
          {shown.map((walker) => (
            <a key={walker.name} href={`console#walkers/${encodeURIComponent(walker.name)}`} aria-current={walker.name === subject.value ? "true" : undefined}>
              <strong>{walker.name}</strong>
              <span>{walker.private ? "private" : walker.on.length ? `on ${walker.on.join(", ")}` : walker.methods.join(" ")}</span>
            </a>
          ))}
          {found && !shown.length && <p class="empty">{rows.length ? "No walker matches." : "The program has no walkers."}</p>}
        </nav>
        {open ? <Runner key={open.name} walker={open} /> : <p class="empty">Choose a walker. Its form is made from its fields.</p>}
      </div>
    </>
  );
}

function Runner({ walker }: { walker: Walker }) {
  const filled = forms.get(walker.name) ?? signal<Texts>({});
  forms.set(walker.name, filled);
  const answer = useSignal<{ head: string; text: string; isBad: boolean } | null>(null);
  const isRunning = useSignal(false);
  const isOnSocket = walker.methods.includes("websocket") && !walker.private;
  const method = walker.methods.find((one) => one !== "websocket");
  const over = isOnSocket && (road.value === "socket" || !method) ? "socket" : "REST";
  const path = walker.paths.find(({ at_node }) => at_node === (node.value !== "" || walker.entry === "NODE"));
  const made = useComputed((): Call | string => {
    try {
      const fields = walker.schema ? valuesOf(walker.schema, filled.value) : {};
      const isQuery = method === "get" || walker.query === "*";
      return { walker: walker.name, method: (method ?? "post").toUpperCase(), path: path?.url ?? "", node: node.value, fields, isQuery, hasToken: me.value.token !== "" };
    } catch (error) {
      return (error as Error).message;
    }
  });
  const ready = made.value;

  const run = async () => {
    const asked = made.value;
    if (typeof asked === "string") return say(asked, true);
    if (walker.auth && !me.value.token && over === "REST") say("This walker is for users: sign in first", true);
    isRunning.value = true;
    const begun = performance.now();
    const took = () => milliseconds(performance.now() - begun);
    try {
      if (over === "socket") {
        const reply = await call({ type: "walker", walker: walker.name, ...(asked.node ? { node: asked.node } : {}), context: asked.fields }, me.value.token);
        answer.value = { head: `${reply.ok === false ? "refused" : "ok"}, ${took()}`, text: JSON.stringify(reply), isBad: reply.ok === false };
      } else {
        const headers: Record<string, string> = me.value.token ? { Authorization: `Bearer ${me.value.token}` } : {};
        if (!asked.isQuery) headers["Content-Type"] = "application/json";
        const reply = await fetch(urlOf(pathOf(asked)), { method: asked.method, headers, body: asked.isQuery ? null : JSON.stringify(asked.fields), credentials: "omit" });
        answer.value = { head: `${reply.status}, ${took()}`, text: await reply.text(), isBad: !reply.ok };
      }
    } catch (error) {
      answer.value = { head: "failed", text: (error as Error).message, isBad: true };
    }
    isRunning.value = false;
  };

  return (
    <section class="card runner" aria-label={`Walker ${walker.name}`}>
      <header class="head">
        <h2>{walker.name}</h2>
        {walker.file && <span class="about mono">{walker.file}</span>}
      </header>
      {walker.about && <p class="doc">{walker.about}</p>}
      <p class="row tight">
        <Tag>{walker.auth ? "for users" : "for everybody"}</Tag>
        {walker.is_async && <Tag>async</Tag>}
        {walker.background && <Tag>in the background</Tag>}
        {walker.webhook && <Tag>webhook</Tag>}
        {walker.on.map((one) => (
          <Tag key={one}>on {one}</Tag>
        ))}
      </p>
      {walker.private || (walker.on.length && !method && !isOnSocket) ? (
        <p class="empty">Clients cannot call this walker.</p>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void run();
          }}
        >
          {walker.schema ? <Form schema={walker.schema} texts={filled} /> : <p class="empty">A field of this walker takes what JSON cannot carry, such as a file.</p>}
          {walker.entry !== "ROOT" && (
            <label class="field">
              <span>
                Enter at a node <em>{walker.entry === "NODE" ? "needed" : "the user's root, if empty"}</em>
              </span>
              <input class="mono" placeholder="n:Class:…" spellcheck={false} value={node} onInput={(event) => (node.value = event.currentTarget.value.trim())} />
            </label>
          )}
          <div class="row">
            <button type="submit" class="main" disabled={isRunning.value}>
              {isRunning.value ? "Running…" : "Run"}
            </button>
            {method && isOnSocket ? (
              <label class="inline">
                over
                <Choice label="Run over" value={over} of={["REST", "socket"] as const} onChange={(value) => (road.value = value)} />
              </label>
            ) : (
              <span class="about">over {over}</span>
            )}
            {typeof ready !== "string" && over === "REST" && <code class="about">{`${ready.method} ${path?.url ?? ""}`}</code>}
          </div>
        </form>
      )}
      {answer.value && (
        <>
          <h3>
            Answer <Tag kind={answer.value.isBad ? "bad" : "main"}>{answer.value.head}</Tag>
          </h3>
          <pre class="json" role="region" aria-label="Answer" tabIndex={0}>
            {linked(pretty(answer.value.text))}
          </pre>
        </>
      )}
      <h3>Code</h3>
      <div class="row" role="group" aria-label="Language">
        {LANGUAGES.map((one) => (
          <Button key={one} kind="plain" pressed={language.value === one} onClick={() => (language.value = one)}>
            {one}
          </Button>
        ))}
        <Button kind="plain" disabled={typeof ready === "string"} onClick={() => typeof ready !== "string" && void copy(codeOf(language.value, ready))}>
          Copy
        </Button>
      </div>
      <pre class="json" role="region" aria-label={`Code for ${language.value}`} tabIndex={0}>
        {typeof ready === "string" ? `# ${ready}` : codeOf(language.value, ready)}
      </pre>
      {isOnSocket && <Frames />}
    </section>
  );
}

/** The text, with references to nodes that lead to the graph. */
function linked(text: string) {
  return text.split(/(n:\w*:[0-9a-f]{24})/).map((part, at) =>
    at % 2 ? (
      <button key={at} type="button" class="link mono" onClick={() => go("graph", part)}>
        {part}
      </button>
    ) : (
      part
    ),
  );
}

function Frames() {
  const own = useSignal('{"type": "join", "channel_ids": ["map"], "id": "j"}');
  return (
    <>
      <h3>
        Frames of this page's socket <Tag kind={isOpen.value ? "main" : ""}>{isOpen.value ? "open" : "closed"}</Tag>
      </h3>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          sendText(own.value, me.value.token).catch((error: Error) => say(error.message, true));
        }}
      >
        <input class="mono grow" aria-label="Event to send, JSON" spellcheck={false} value={own} onInput={(event) => (own.value = event.currentTarget.value)} />
        <button type="submit">Send</button>
        {isOpen.value && <Button kind="plain" onClick={close}>Close the socket</Button>}
        <Button kind="plain" onClick={() => (frames.value = [])}>
          Clear
        </Button>
      </form>
      {frames.value.length > 0 && (
        <ol class="frames" aria-label="Frames, the newest first">
          {[...frames.value].reverse().map((frame, at) => (
            <li key={frames.value.length - at} class={frame.isOut ? "out" : ""}>
              <time>{clock(frame.at)}</time>
              <span aria-label={frame.isOut ? "sent" : "received"}>{frame.isOut ? "↑" : "↓"}</span>
              <code>{frame.text}</code>
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

function SignIn() {
  const email = useSignal("");
  const password = useSignal("");
  const pasted = useSignal("");
  const fault = useSignal("");
  const end = () => (isSigningIn.value = false);
  return (
    <Dialog title="Run walkers as a user" onClose={end}>
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          if (pasted.value) useToken(pasted.value.trim());
          else fault.value = await signIn(email.value, password.value);
          if (!fault.value) end();
        }}
      >
        <label class="field">
          <span>E-mail address</span>
          <input type="email" autocomplete="off" value={email} onInput={(event) => (email.value = event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>Password</span>
          <input type="password" autocomplete="off" value={password} onInput={(event) => (password.value = event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>Or a token</span>
          <textarea rows={2} class="mono" spellcheck={false} value={pasted} onInput={(event) => (pasted.value = event.currentTarget.value)} />
        </label>
        <Fault text={fault.value} />
        <p class="about">The token is kept in the memory of this page, until it is closed.</p>
        <div class="row end">
          <button type="submit" class="main" disabled={!pasted.value && !(email.value && password.value)}>
            Sign in
          </button>
        </div>
      </form>
    </Dialog>
  );
}
