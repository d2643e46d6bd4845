/** Emitter: handlers by the name of what they are told. A handler that fails stops neither the others nor the client. */

export type Handlers<Events> = { [Name in keyof Events]?: Set<(event: Events[Name]) => void> };

declare const reportError: ((error: unknown) => void) | undefined; // browsers; node has none

export class Emitter<Events> {
  readonly #handlers: Handlers<Events> = {};

  /** Call `handler` with each `name` from now on. The function that comes back ends it. */
  on<Name extends keyof Events>(name: Name, handler: (event: Events[Name]) => void): () => void {
    const handlers = (this.#handlers[name] ??= new Set());
    handlers.add(handler);
    return () => void handlers.delete(handler);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const handler of this.#handlers[name] ?? []) {
      try {
        handler(event);
      } catch (error) {
        (typeof reportError == "function" ? reportError : console.error)(error);
      }
    }
  }
}
