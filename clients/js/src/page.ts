/** Page: what a browser tells about the network, the tab and the end of the page. Elsewhere nothing is told. */

/** Where the events of a page arrive: the window, or what a test puts in its place. */
export interface Page {
  addEventListener(type: string, listener: () => void, capture: boolean): void;
  removeEventListener(type: string, listener: () => void, capture: boolean): void;
  document?: { visibilityState: string };
}

/** Where a session is kept over a reload: `sessionStorage`, or something like it. */
export interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const WAKES = ["online", "focus", "visibilitychange", "pageshow", "resume"];

/**
 * Begin to listen.
 *
 * - wake: the network or the page is back, perhaps after a sleep
 * - hide: the page goes away, perhaps for good
 * - show: a page that went away is back
 *
 * @returns a function that ends it
 */
export function watchPage(page: Partial<Page>, on: { wake(): void; hide(): void; show(): void }): () => void {
  const wake = () => {
    if (page.document?.visibilityState != "hidden") on.wake();
  };
  const listeners: [string, () => void][] = [["pageshow", on.show], ["pagehide", on.hide], ...WAKES.map((type): [string, () => void] => [type, wake])];
  for (const [type, listener] of listeners) page.addEventListener?.(type, listener, true); // some events of the document do not bubble
  return () => {
    for (const [type, listener] of listeners) page.removeEventListener?.(type, listener, true);
  };
}
