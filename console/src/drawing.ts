// The drawing of a graph, by Cytoscape. Loaded when the graph is first shown.

import cytoscape from "cytoscape";
import { type Edge, type Node, nameOf } from "./graph.js";
import { type Point, arranged } from "./layout.js";

export interface Marks {
  chosen: string | null;
  at: string | null; // where the walk is
  visited: Set<string>;
  written: Set<string>;
  read: Set<string>;
}

const HUES = [174, 262, 28, 212, 330, 96, 48, 0];

/** The colour of a class: the same in every drawing. */
export function colourOf(kind: string, isDark: boolean): string {
  if (kind === "root") return isDark ? "#e6e8eb" : "#30363d";
  let sum = 0;
  for (const letter of kind) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return `hsl(${HUES[sum % HUES.length]}, ${isDark ? 50 : 60}%, ${isDark ? 62 : 40}%)`;
}

export function drawing(place: HTMLElement, onChoose: (id: string | null) => void, onExpand: (id: string) => void) {
  const graph = cytoscape({ container: place, minZoom: 0.1, maxZoom: 3, layout: { name: "preset" }, boxSelectionEnabled: false });
  graph.on("tap", (event) => onChoose(event.target === graph ? null : event.target.isNode() ? event.target.id() : event.target.data("id")));
  graph.on("dbltap", "node", (event) => onExpand(event.target.id()));
  const points = new Map<string, Point>();
  let drawn = "";
  let isFitted = false;
  const watch = new ResizeObserver(() => graph.resize());
  watch.observe(place);

  return {
    update(nodes: Node[], edges: Edge[], marks: Marks, isDark: boolean) {
      const key = nodes.map(({ id }) => id).join() + edges.map(({ id }) => id).join();
      const isOther = key !== drawn;
      drawn = key;
      graph.batch(() => {
        const shown = new Set([...nodes, ...edges].map(({ id }) => id));
        graph.elements().filter((one) => !shown.has(one.id())).remove();
        if (isOther) {
          graph.nodes().forEach((node) => void points.set(node.id(), node.position()));
          for (const [id, point] of arranged(nodes.map(({ id }) => id), edges.map(({ source, target }) => [source, target]), points)) points.set(id, point);
        }
        for (const node of nodes) {
          const data = { id: node.id, label: nameOf(node), kind: node.kind, colour: colourOf(node.kind, isDark) };
          const known = graph.getElementById(node.id);
          if (known.length) known.data(data);
          else graph.add({ group: "nodes", data, position: { ...points.get(node.id)! } });
        }
        for (const edge of edges)
          if (!graph.getElementById(edge.id).length) graph.add({ group: "edges", data: { id: edge.id, source: edge.source, target: edge.target, label: edge.kind } });
        graph.nodes().forEach((node) => {
          const id = node.id();
          node.toggleClass("chosen", id === marks.chosen).toggleClass("at", id === marks.at).toggleClass("read", marks.read.has(id));
          node.toggleClass("visited", marks.visited.has(id)).toggleClass("written", marks.written.has(id));
        });
        graph.edges().forEach((edge) => void edge.toggleClass("written", marks.written.has(edge.id())));
      });
      graph.style(styleOf(place));
      if (isOther) {
        graph.nodes().forEach((node) => void node.position(points.get(node.id())!));
        if (!isFitted || nodes.length < 80) graph.fit(undefined, 40);
        if (graph.zoom() > 1.4) graph.zoom(1.4), graph.center();
        isFitted = true;
      }
    },
    fit() {
      graph.fit(undefined, 40);
    },
    zoom(by: number) {
      graph.zoom({ level: graph.zoom() * by, renderedPosition: { x: place.clientWidth / 2, y: place.clientHeight / 2 } });
    },
    end() {
      watch.disconnect();
      graph.destroy();
    },
  };
}

function styleOf(place: HTMLElement): cytoscape.StylesheetJson {
  const style = getComputedStyle(place);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return [
    {
      selector: "node",
      style: {
        width: 18,
        height: 18,
        "background-color": "data(colour)",
        label: "data(label)",
        color: colour("--text"),
        "font-family": "system-ui, sans-serif",
        "font-size": 11,
        "text-valign": "bottom",
        "text-margin-y": 4,
        "min-zoomed-font-size": 7,
      },
    },
    {
      selector: "edge",
      style: {
        width: 1.2,
        "line-color": colour("--line-strong"),
        "target-arrow-color": colour("--line-strong"),
        "target-arrow-shape": "triangle",
        "arrow-scale": 0.8,
        "curve-style": "bezier",
        label: "data(label)",
        color: colour("--soft"),
        "font-size": 9,
        "font-family": "system-ui, sans-serif",
        "text-background-color": colour("--ground"),
        "text-background-opacity": 0.8,
        "text-background-padding": "1px",
        "min-zoomed-font-size": 8,
      },
    },
    { selector: "node[kind = 'root']", style: { shape: "round-rectangle", width: 20, height: 20 } },
    { selector: "node.visited", style: { "border-width": 2, "border-color": colour("--accent") } },
    { selector: "node.read", style: { "border-width": 2, "border-color": colour("--soft"), "border-style": "dashed" } },
    { selector: "node.written", style: { "border-width": 3, "border-color": colour("--second"), "border-style": "solid" } },
    { selector: "edge.written", style: { "line-color": colour("--second"), "target-arrow-color": colour("--second"), width: 2 } },
    { selector: "node.at", style: { width: 26, height: 26, "underlay-color": colour("--accent"), "underlay-opacity": 0.35, "underlay-padding": 7 } },
    { selector: "node.chosen", style: { "font-weight": "bold", "overlay-color": colour("--accent"), "overlay-opacity": 0.2, "overlay-padding": 4 } },
    { selector: "node:active", style: { "overlay-color": colour("--accent"), "overlay-opacity": 0.2 } },
  ] as unknown as cytoscape.StylesheetJson;
}
