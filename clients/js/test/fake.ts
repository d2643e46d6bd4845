/** Fakes: a clock that stands still, sockets in memory, a page and its storage. */

import type { Clock, WebSocketLike } from "walkwire";

export class FakeClock implements Clock {
  time = 0;
  #timers: { due: number; run: () => void }[] = [];

  constructor(readonly chance = 0.5) {}

  now(): number {
    return this.time;
  }

  random(): number {
    return this.chance;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { due: this.time + ms, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other != timer));
  }

  /** Run what is due in the next `ms`, each timer at its time. What a timer starts has its effect before the next one. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ due }) => due <= end).sort((one, other) => one.due - other.due);
      if (!next) break;
      this.#timers = this.#timers.filter((other) => other != next);
      this.time = Math.max(this.time, next.due);
      next.run();
      await settled();
    }
    this.time = end;
  }
}

/** Resolves when everything that needs no time has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The client's end of a connection, and what a server can do with it. */
export class FakeSocket implements WebSocketLike {
  protocol = "";
  onopen: ((event: unknown) => void) | null = null;
  onmessage: ((event: unknown) => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  readonly sent: any[] = [];
  isOpen = false;
  isAbandoned = false;
  isOver = false;

  constructor(readonly url: string, readonly protocols: string[]) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    if (!this.isOver) this.isAbandoned = true;
  }

  accept(protocol = "walkwire.v2"): void {
    this.isOpen = true;
    this.protocol = protocol;
    this.onopen?.({});
  }

  say(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  end(code: number, reason = ""): void {
    this.isOver = true;
    this.onerror?.({});
    this.onclose?.({ code, reason });
  }
}

/** The sockets that a client has made. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = [];
  readonly WebSocket = makeClass(this.sockets);

  get last(): FakeSocket | undefined {
    return this.sockets.at(-1);
  }
}

function makeClass(sockets: FakeSocket[]): new (url: string, protocols: string[]) => FakeSocket {
  return class extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  };
}

export class FakePage extends EventTarget {
  readonly document = { visibilityState: "visible" };

  tell(type: string): void {
    this.dispatchEvent(new Event(type));
  }
}

export class FakeStorage {
  constructor(readonly items = new Map<string, string>()) {}

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }

  removeItem(key: string): void {
    this.items.delete(key);
  }
}
