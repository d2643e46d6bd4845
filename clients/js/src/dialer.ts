/** Dialer: opens one connection after the other, as the user of the token, until the client is closed. */

import type { Clock } from "./clock.js";
import { BackOff, endingOf, type Ending } from "./closing.js";
import { WalkwireError } from "./error.js";
import type { Frame, Reply, Welcome } from "./frames.js";
import { Link, type WebSocketLike } from "./link.js";
import { errorOf } from "./outbox.js";

const PROTOCOL = "walkwire.v2";
const RENEW_BEFORE = 60; // seconds before a token expires
const TOKEN_TIME = 10_000;
const LATER: Ending = { floor: 0, unit: 1000 };
const PASSING = ["busy", "conflict", "internal", "timeout", "in_doubt"]; // another `connect` may not have these errors

/** What a token function is asked with. */
export interface TokenRequest {
  /** Is a newer token needed than the last one? The server has refused it, or it is about to expire. */
  renew: boolean;
  /** Aborts after ten seconds, and when nobody waits for the token any more. */
  signal: AbortSignal;
}

/** A token, or a function that gets one for each connection. null is the public user. */
export type Token = string | null | ((request: TokenRequest) => string | null | Promise<string | null>);

/**
 * - `connecting`: a connection is being opened
 * - `connected`
 * - `waiting` for the time of the next connection
 * - `closed` for good
 */
export type State = "connecting" | "connected" | "waiting" | "closed";

export interface StateChange {
  state: State;
  /** Why the client is closed, or waits, if the server or the token function said so. */
  error?: WalkwireError | undefined;
}

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

/** What the dialer tells the client, and asks it. */
export interface DialerListener {
  /** Return what `connect` says beside the token. */
  introduction(): object;
  /** `connect` or `change_user` has succeeded. `isSameStay`: on this connection there was a welcome before. */
  welcome(welcome: Welcome, isSameStay: boolean): void;
  /** The connection may be used. */
  opened(link: Link): void;
  heard(frame: Frame): void;
  dropped(): void;
  /** Another user is asked for. Return what `change_user` says beside the token. */
  changing(): object;
  /** The other user was refused. */
  unchanged(): void;
  /** A newer token of the same user is shown. Return what `change_user` says beside it. */
  renewing(): object;
  closed(error: WalkwireError): void;
  changed(change: StateChange): void;
}

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

export class Dialer {
  state: State = "connecting";
  error: WalkwireError | undefined;

  readonly #url: string;
  readonly #WebSocket: WebSocketClass;
  readonly #clock: Clock;
  readonly #backOff: BackOff;
  readonly #listener: DialerListener;
  #token: Token;
  #isTokenOld = false;
  #attempt = new AbortController(); // one for each connection
  #link: Link | undefined;
  #connectedAt: number | undefined;
  #notBefore = 0;
  #cancelWait = () => {};
  #waiters = new Set<Waiter>();

  constructor(url: string, WebSocket: WebSocketClass, clock: Clock, token: Token, listener: DialerListener) {
    this.#url = url;
    this.#WebSocket = WebSocket;
    this.#clock = clock;
    this.#backOff = new BackOff(clock);
    this.#token = token;
    this.#listener = listener;
  }

  /** Resolve with the next welcome, on this connection or a later one. */
  welcomed(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.state == "closed") throw this.error;
      this.#waiters.add({ resolve, reject });
    });
  }

  /** Open a connection now. */
  async dial(): Promise<void> {
    this.#cancelWait();
    this.#hangUp();
    const attempt = this.#attempt;
    this.#become("connecting");
    try {
      const token = await this.#getToken(this.#token, this.#isTokenOld);
      if (attempt == this.#attempt) this.#open(token);
    } catch (error) {
      if (attempt == this.#attempt) this.#retry(LATER, tokenError(error));
    }
  }

  /** Find out at once whether the connection is alive, or stop waiting and connect, but not before the server allows it. */
  wake(): void {
    if (this.state != "waiting") return this.#link?.wake();
    const left = this.#notBefore - this.#clock.now();
    if (left > 0) this.#dialIn(left);
    else void this.dial();
  }

  /** Go on as another user: on this connection if there is one. */
  async changeUser(token = this.#token): Promise<void> {
    if (this.state == "connected") return this.#change(token, true);
    const changed = this.welcomed();
    this.#listener.changing();
    this.#token = token;
    this.#isTokenOld = true;
    if (this.state == "connecting") void this.dial();
    return changed;
  }

  /** The token is about to expire: replace it, if there is a function for it. */
  renew(): void {
    if (typeof this.#token == "function") this.#change(this.#token, false).catch(() => {}); // then the server closes with 4001
  }

  close(error: WalkwireError): void {
    if (this.state == "closed") return;
    this.#cancelWait();
    this.#hangUp();
    this.#listener.closed(error);
    this.#become("closed", error);
    for (const { reject } of this.#waiters) reject(error);
  }

  #open(token: string | null): void {
    try {
      const link: Link = new Link(new this.#WebSocket(this.#url, [PROTOCOL]), this.#clock, {
        opened: (protocol) => {
          if (protocol == PROTOCOL) this.#connect(link, token, false);
          else this.close(new WalkwireError("protocol", "The server does not speak version 2 of the wire."));
        },
        heard: (frame) => this.#listener.heard(frame),
        ended: (code, reason) => this.#ended(endingOf(code, reason)),
      });
      this.#link = link;
    } catch (error) {
      this.close(new WalkwireError("refused", String(error))); // by the browser: the URL is wrong, or a policy of the page forbids it
    }
  }

  #connect(link: Link, token: string | null, isSecond: boolean): void {
    const event = { type: "connect", ...this.#shown(token), ...this.#listener.introduction() };
    link.ask(JSON.stringify(event), async (reply) => {
      if (reply.ok) return this.#connected(link, reply.data as Welcome);
      const error = errorOf(reply);
      if (error.retryIn !== undefined || PASSING.includes(error.code)) return this.#retry({ ...LATER, floor: error.retryIn ?? 0 }, error);
      if (error.code != "unauthenticated" || isSecond || typeof this.#token != "function") return this.close(error);
      try {
        link.extend();
        const newer = await this.#getToken(this.#token, true);
        if (this.#link == link) this.#connect(link, newer, true);
      } catch (failure) {
        if (this.#link == link) this.#retry(LATER, tokenError(failure));
      }
    });
  }

  #connected(link: Link, welcome: Welcome): void {
    link.live();
    this.#connectedAt = this.#clock.now();
    this.#isTokenOld = false;
    this.#listener.welcome(welcome, false);
    if (this.#link == link) this.#become("connected"); // unless a handler closed the client
    if (this.#link == link) this.#listener.opened(link);
    this.#settle();
  }

  #ended(ending: Ending): void {
    const isTokenOld = ending.error?.code == "unauthenticated" && typeof this.#token == "function";
    if (ending.error && !isTokenOld) return this.close(ending.error);
    if (isTokenOld) this.#isTokenOld = true;
    this.#retry(ending, ending.error);
  }

  #retry(ending: Ending, error?: WalkwireError): void {
    const lived = this.#connectedAt === undefined ? 0 : this.#clock.now() - this.#connectedAt;
    const [floor, jitter] = this.#backOff.next(ending, lived);
    this.#hangUp();
    this.#notBefore = this.#clock.now() + floor;
    this.#dialIn(floor + jitter);
    this.#become("waiting", error);
  }

  #dialIn(ms: number): void {
    this.#cancelWait();
    this.#cancelWait = this.#clock.after(ms, () => void this.dial());
  }

  #hangUp(): void {
    this.#attempt.abort();
    this.#attempt = new AbortController();
    this.#connectedAt = undefined;
    if (!this.#link) return;
    this.#link.abandon();
    this.#link = undefined;
    this.#listener.dropped();
  }

  /** @param isAnother - another user, or a newer token of the same one? */
  async #change(token: Token, isAnother: boolean): Promise<void> {
    const link = this.#link!;
    const text = await this.#getToken(token, true).catch((cause) => {
      if (this.#link == link) throw tokenError(cause);
      return null; // the next connection asks again
    });
    if (this.#link != link) return isAnother ? this.changeUser(token) : undefined;
    const before = this.#token;
    this.#token = token;
    const rest = isAnother ? this.#listener.changing() : this.#listener.renewing();
    const event = { type: "change_user", ...this.#shown(text), ...rest };
    const changed = this.welcomed(); // of this connection, or of the next one if this one breaks before
    const waiter = [...this.#waiters].at(-1)!;
    link.ask(JSON.stringify(event), (reply: Reply) => {
      if (reply.ok) {
        this.#listener.welcome(reply.data as Welcome, true);
        return this.#settle();
      }
      this.#token = before;
      this.#listener.unchanged();
      this.#waiters.delete(waiter);
      waiter.reject(errorOf(reply));
    });
    return changed;
  }

  #shown(token: string | null): object {
    return { token: token ?? undefined, expiring: typeof this.#token == "function" ? RENEW_BEFORE : undefined };
  }

  #getToken(token: Token, renew: boolean): Promise<string | null> {
    return new Promise((resolve, reject) => {
      if (typeof token != "function") return resolve(token);
      const asked = new AbortController();
      const stop = () => {
        reject(new Error("it took too long"));
        asked.abort();
      };
      const cancel = this.#clock.after(TOKEN_TIME, stop);
      const { signal } = this.#attempt;
      signal.addEventListener("abort", stop);
      new Promise<string | null>((answer) => answer(token({ renew, signal: asked.signal }))).then(resolve, reject).finally(() => {
        cancel();
        signal.removeEventListener("abort", stop);
      });
    });
  }

  #settle(): void {
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters.clear();
  }

  #become(state: State, error?: WalkwireError): void {
    if (this.state == state || this.state == "closed") return;
    this.state = state;
    this.error = error;
    this.#listener.changed({ state, error });
  }
}

function tokenError(cause: unknown): WalkwireError {
  return new WalkwireError("unauthenticated", `There is no token: ${cause instanceof Error ? cause.message : String(cause)}.`);
}
