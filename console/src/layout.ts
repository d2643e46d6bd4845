// Where the nodes of a graph stand: nodes push each other away, edges pull, and all are drawn to the middle. What has a place moves
// little, so that a graph that grows stays where the eye has it.

export interface Point {
  x: number;
  y: number;
}

const LENGTH = 90; // of an edge, about
const ROUNDS = 140;

export function arranged(ids: string[], links: [string, string][], known: Map<string, Point>): Map<string, Point> {
  const at = new Map(ids.map((id, place) => [id, place]));
  const pairs = links.flatMap(([a, b]) => (a !== b && at.has(a) && at.has(b) ? [[at.get(a)!, at.get(b)!] as const] : []));
  const places = ids.map((id) => ({ ...(known.get(id) ?? { x: NaN, y: NaN }) }));
  const isNew = ids.map((id) => !known.has(id));
  const near = new Map<number, number>();
  for (const [a, b] of pairs) {
    near.set(a, b);
    near.set(b, a);
  }
  places.forEach((point, index) => {
    if (!Number.isNaN(point.x)) return;
    const beside = places[near.get(index) ?? -1];
    const angle = index * 2.399963; // the golden angle: no two in one direction
    const far = beside && !Number.isNaN(beside.x) ? LENGTH : 12 * Math.sqrt(index + 1);
    point.x = (beside && !Number.isNaN(beside.x) ? beside.x : 0) + far * Math.cos(angle);
    point.y = (beside && !Number.isNaN(beside.x) ? beside.y : 0) + far * Math.sin(angle);
  });
  const rounds = ids.length > 250 ? 60 : ROUNDS;
  for (let round = 0; round < rounds; round++) {
    const heat = 24 * (1 - round / rounds) + 0.5;
    const moves = places.map(({ x, y }) => ({ x: -x * 0.006, y: -y * 0.006 }));
    for (let a = 0; a < places.length; a++) {
      for (let b = a + 1; b < places.length; b++) {
        const x = places[a]!.x - places[b]!.x || 0.1;
        const y = places[a]!.y - places[b]!.y || 0.1;
        const square = x * x + y * y;
        if (square > 360_000) continue;
        const push = (LENGTH * LENGTH) / Math.max(square, 100) / 4;
        moves[a]!.x += x * push;
        moves[a]!.y += y * push;
        moves[b]!.x -= x * push;
        moves[b]!.y -= y * push;
      }
    }
    for (const [a, b] of pairs) {
      const x = places[a]!.x - places[b]!.x;
      const y = places[a]!.y - places[b]!.y;
      const length = Math.hypot(x, y) || 1;
      const pull = ((length - LENGTH) / length) * 0.12;
      moves[a]!.x -= x * pull;
      moves[a]!.y -= y * pull;
      moves[b]!.x += x * pull;
      moves[b]!.y += y * pull;
    }
    places.forEach((point, index) => {
      const { x, y } = moves[index]!;
      const length = Math.hypot(x, y);
      const most = (isNew[index] ? heat : heat / 6) / Math.max(length, 1);
      point.x += x * Math.min(1, most);
      point.y += y * Math.min(1, most);
    });
  }
  return new Map(ids.map((id, index) => [id, places[index]!]));
}
