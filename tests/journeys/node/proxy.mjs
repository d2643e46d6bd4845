// A network between a client and a server that a test can cut or freeze.

import { connect, createServer } from "node:net";
import { once } from "node:events";

/** Listens at a port of its own. `target` is the port that it leads to; it may change. */
export class Proxy {
  target;
  #server = createServer((near) => this.#join(near));
  #pairs = new Set();
  #isCut = false;
  #isFrozen = false;

  constructor(target) {
    this.target = target;
  }

  /** Begin to listen; return the port. */
  async open(port = 0) {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    return this.#server.address().port;
  }

  /** End all connections, and every new one, until `mend`. */
  cut() {
    this.#isCut = true;
    for (const pair of this.#pairs) pair.forEach((socket) => socket.destroy());
  }

  /** Carry nothing more, without a word, until `mend`. What is frozen now stays so. */
  freeze() {
    this.#isFrozen = true;
    for (const pair of this.#pairs) pair.forEach((socket) => socket.unpipe().pause());
  }

  mend() {
    this.#isCut = this.#isFrozen = false;
  }

  close() {
    this.cut();
    this.#server.close();
  }

  #join(near) {
    near.on("error", () => {});
    if (this.#isCut) return near.destroy();
    if (this.#isFrozen) return near.pause();
    const far = connect(this.target, "127.0.0.1");
    const pair = [near, far];
    this.#pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        pair.forEach((other) => other.destroy());
        this.#pairs.delete(pair);
      });
    }
  }
}
