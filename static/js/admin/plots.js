// The plots of what happened: one uPlot each, in the colours of the page, as wide as their place.

import uPlot from "../../vendor/uplot.js";
import { bytes, moment, number } from "./words.js";

const HEIGHT = 140;
const LEAST_WIDTH = 200;
const AXIS = 56;
/** Room for half of the last mark's words. */
const EDGE = 20;

/**
 * What is plotted: the title, and for each line its column, its name and the custom property with its colour.
 *
 * @type {{title: string, tell: (value: number | null) => string, lines: [string, string, string][]}[]}
 */
const PLOTS = [
  { title: "People connected", tell: number, lines: [["people", "people", "--plot-1"]] },
  { title: "Messages a minute", tell: number, lines: [["messages", "messages", "--plot-2"]] },
  { title: "Traffic a minute", tell: bytes, lines: [["bytes", "in and out", "--plot-3"]] },
  {
    title: "Turned away a minute",
    tell: number,
    lines: [
      ["refused", "refused", "--plot-4"],
      ["scans", "scans", "--plot-5"],
    ],
  },
];

/** @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** @param {(value: number | null) => string} tell */
function axes(tell) {
  const look = {
    stroke: () => colour("--plot-ink"),
    font: "12px Inter, sans-serif",
    grid: { stroke: () => colour("--plot-line"), width: 1 },
    ticks: { show: false },
  };
  return [
    { ...look, size: 28, space: 64, values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => moment(tick, step)) },
    { ...look, size: AXIS, space: 34, values: (_plot, ticks) => ticks.map((tick) => tell(tick)) },
  ];
}

/** Where the plots of one page are, and what they show. */
export class Plots {
  #plots;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#plots = PLOTS.map((plot) => this.#make(place, plot));
    const look = new MutationObserver(() => this.#plots.forEach(({ drawn }) => drawn.redraw(false)));
    look.observe(document.documentElement, { attributeFilter: ["class"] });
  }

  /**
   * Show other figures.
   *
   * @param {Record<string, (number | null)[]>} series columns of equal length, `at` in seconds since 1970 first
   */
  show(series) {
    for (const { drawn, columns } of this.#plots) drawn.setData([series.at, ...columns.map((name) => series[name])]);
  }

  #make(place, { title, tell, lines }) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = title;
    figure.append(caption);
    place.append(figure);
    const series = lines.map(([, label, name]) => ({
      label,
      stroke: () => colour(name),
      fill: lines.length === 1 ? () => `${colour(name)}22` : undefined,
      width: 2,
      points: { show: false },
      value: (_plot, value) => tell(value),
    }));
    const options = {
      width: LEAST_WIDTH,
      height: HEIGHT,
      padding: [8, EDGE, 0, 0],
      cursor: { sync: { key: "dashboard" }, y: false, drag: { x: false } },
      legend: { show: true, markers: { width: 2 } },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(high ?? 0, 1) * 1.1] } },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      axes: axes(tell),
      series: [{ label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...series],
    };
    const columns = lines.map(([column]) => column);
    const drawn = new uPlot(options, [[], ...columns.map(() => [])], figure);
    const fit = ([{ contentRect }]) =>
      drawn.setSize({ width: Math.max(contentRect.width, LEAST_WIDTH), height: HEIGHT });
    new ResizeObserver(fit).observe(figure);
    return { drawn, columns };
  }
}
