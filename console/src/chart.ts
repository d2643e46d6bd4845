// A chart over time, by uPlot. Loaded when the overview is first shown.

import uPlot from "uplot";
import { clock } from "./format.js";

export interface Line {
  name: string;
  values: (number | null)[];
}

const COLOURS = ["--accent", "--second", "--third"];

/** Draws lines into `place`, and returns what updates and removes the chart. */
export function chart(place: HTMLElement, times: number[], lines: Line[], show: (value: number) => string) {
  const style = getComputedStyle(place);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui", size: 24, gap: 4 };
  const data = (): uPlot.AlignedData => [times, ...lines.map((line) => line.values)] as uPlot.AlignedData;
  const plot = new uPlot(
    {
      width: place.clientWidth || 300,
      height: 120,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 6 }, sync: { key: "overview" } },
      scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(high ?? 1, 1) * 1.1] } },
      axes: [
        { ...axis, space: 70, values: (_, ticks) => ticks.map((tick) => clock(tick)) },
        { ...axis, size: 52, space: 28, values: (_, ticks) => ticks.map((tick) => show(tick)) },
      ],
      series: [
        {},
        ...lines.map((line, at) => ({ label: line.name, stroke: colour(COLOURS[at]!), width: 1.5, fill: at ? undefined : `${colour("--accent")}18`, points: { show: false } }) as uPlot.Series),
      ],
    },
    data(),
    place,
  );
  const watch = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 120 }));
  watch.observe(place);
  return {
    update(newTimes: number[], newLines: Line[]) {
      [times, lines] = [newTimes, newLines];
      plot.setData(data());
    },
    end() {
      watch.disconnect();
      plot.destroy();
    },
  };
}
