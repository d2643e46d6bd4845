// How figures, times and names are shown.

export const number = (value: number): string =>
  value.toLocaleString("en", { maximumFractionDigits: value !== 0 && Math.abs(value) < 10 ? 1 : 0 });

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at++;
  }
  return `${at && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

export const clock = (seconds: number): string => new Date(seconds * 1000).toLocaleTimeString("en", { hour12: false });

export const moment = (seconds: number | null): string =>
  seconds === null ? "" : new Date(seconds * 1000).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium", hour12: false });

export function ago(seconds: number, now = Date.now() / 1000): string {
  const past = Math.max(0, now - seconds);
  if (past < 60) return `${Math.round(past)} s`;
  if (past < 3600) return `${Math.floor(past / 60)} min`;
  if (past < 48 * 3600) return `${Math.floor(past / 3600)} h ${Math.floor((past % 3600) / 60)} min`;
  return `${Math.floor(past / 86400)} d`;
}

export function span(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

export const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

const PUBLIC = "000000000000000000000001";

/** The end of an id, which tells ids of one kind apart. */
export function short(id: string): string {
  if (id.endsWith(PUBLIC)) return "public";
  return /[0-9a-f]{24}$/.test(id) ? `…${id.slice(-6)}` : id;
}

export function pretty(json: unknown): string {
  if (typeof json !== "string") return JSON.stringify(json, null, 2);
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
