/** Link: one connection, from its opening to its end. It asks and gets replies, and notices when it is dead. */

import type { Clock } from "./clock.js";
import type { Frame, Reply } from "./frames.js";

const OPENING = 10_000;
const IDLE = 25_000;
const PATIENCE = 10_000;
const SHORT_PATIENCE = 3_000;
const LATE = 5_000; // a timer that is so late was frozen: the machine slept
const GONE = 1006; // RFC 6455, 7.1.5: ended without a close frame

/** What a link needs of a WebSocket: that of browsers, or of the package `ws`. */
export interface WebSocketLike {
  readonly protocol: string;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export interface LinkListener {
  opened(protocol: string): void;
  /** Every frame but replies. */
  heard(frame: Frame): void;
  /** Called once, unless the link was abandoned before. */
  ended(code: number, reason: string): void;
}

export class Link {
  readonly #socket: WebSocketLike;
  readonly #clock: Clock;
  readonly #listener: LinkListener;
  readonly #asked = new Map<number, (reply: Reply) => void>();
  #lastId = 0;
  #heardAt = 0;
  #isPinged = false;
  #due = 0;
  #cancel = () => {};
  #check = () => this.#end(GONE); // until `live`

  constructor(socket: WebSocketLike, clock: Clock, listener: LinkListener) {
    this.#socket = socket;
    this.#clock = clock;
    this.#listener = listener;
    socket.onopen = () => listener.opened(socket.protocol);
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = (event) => {
      const isOverdue = this.#check != this.#watch && clock.now() >= this.#due;
      if (isOverdue) this.#check(); // the machine slept while it was opening: what the server says then is no refusal
      else this.#end(event.code, event.reason);
    };
    socket.onerror = () => {}; // a close follows
    this.extend();
  }

  /** Give the opening ten seconds from now. */
  extend(): void {
    this.#arm(OPENING);
  }

  /** The connection is established: watch it from now on. */
  live(): void {
    this.#check = this.#watch;
    this.#arm(IDLE);
  }

  /**
   * Send an event, and call `answered` with its reply. It is never called if the link ends before.
   *
   * @param body - the event as a JSON object with at least one key, without `id`
   */
  ask(body: string, answered: (reply: Reply) => void): void {
    const id = ++this.#lastId;
    this.#asked.set(id, answered);
    this.#socket.send(`{"id":${id},${body.slice(1)}`);
  }

  /** Find out at once whether the link is alive. */
  wake(): void {
    if (this.#check == this.#watch) this.#ping(SHORT_PATIENCE);
  }

  /** Close the connection, and hear no more of it. */
  abandon(): void {
    this.#cancel();
    this.#asked.clear();
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #hear(text: string): void {
    this.#heardAt = this.#clock.now();
    this.#isPinged = false;
    let frame: Frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return this.#end(1007);
    }
    if (frame.type != "reply") return this.#listener.heard(frame);
    const answered = this.#asked.get(frame.id as number);
    this.#asked.delete(frame.id as number);
    answered?.(frame);
  }

  #watch = (): void => {
    const now = this.#clock.now();
    const isLate = now - this.#due > LATE;
    const left = this.#heardAt + IDLE - now;
    if (isLate) this.#ping(SHORT_PATIENCE);
    else if (this.#isPinged) this.#end(GONE);
    else if (left > 0) this.#arm(left);
    else this.#ping(PATIENCE);
  };

  #ping(patience: number): void {
    if (!this.#isPinged) this.ask('{"type":"ping"}', () => {});
    else if (this.#due <= this.#clock.now() + patience && this.#due >= this.#clock.now()) return;
    this.#isPinged = true;
    this.#arm(patience);
  }

  #arm(ms: number): void {
    this.#cancel();
    this.#due = this.#clock.now() + ms;
    this.#cancel = this.#clock.after(ms, () => this.#check());
  }

  #end(code: number, reason = ""): void {
    this.abandon();
    this.#listener.ended(code, reason);
  }
}
