// The ports of each node on a line of time: which one served when, which serves now, and when the next move comes.

import { html, svg } from "../../vendor/lit.js";
import { clock, duration } from "./words.js";

const LANE = 34;
const BAR = 22;
const HEAD = 20;
const TICKS = 7;
/** A bar that is narrower than this, in parts of the width, has no room for its number. */
const ROOM = 0.07;

/** What a port's state is called, by where it is on its way. */
const STATES = {
  planned: "planned",
  bound: "coming",
  announced: "coming",
  open: "open",
  draining: "ending",
  tripwire: "tripwire",
  closed: "closed",
};

/**
 * When the next move comes, in a sentence.
 *
 * @param {{next_move: number | null}} timeline
 * @param {number} now seconds since 1970
 */
export function nextMove(timeline, now) {
  if (timeline.next_move === null) return "No port is open.";
  const left = timeline.next_move - now;
  if (left <= 0) return "A move is under way.";
  return `The next move is at ${clock(timeline.next_move)}, in ${duration(left)}.`;
}

/**
 * The lanes with their bars, as an SVG that scales with its place.
 *
 * @param {{begin: number, end: number, ports: object[]}} timeline
 * @param {number} now seconds since 1970
 * @param {number} width of the place, in pixels
 */
export function timelineView(timeline, now, width) {
  const lanes = [...new Set(timeline.ports.map((port) => port.lane))];
  const height = HEAD + Math.max(lanes.length, 1) * LANE;
  const across = (at) => ((Math.min(Math.max(at, timeline.begin), timeline.end) - timeline.begin) /
    (timeline.end - timeline.begin)) * width;
  const step = (timeline.end - timeline.begin) / TICKS;
  const ticks = Array.from({ length: TICKS }, (_, index) => timeline.begin + (index + 0.5) * step);
  return html`<svg class="timeline" viewBox="0 0 ${width} ${height}" width=${width} height=${height} role="img"
    aria-label="Ports and their times">
    ${ticks.map((at) => svg`<text class="tick" x=${across(at)} y="12" text-anchor="middle">${clock(at)}</text>`)}
    ${timeline.ports.map((port) => bar(port, lanes.indexOf(port.lane), across, width))}
    <line class="now" x1=${across(now)} x2=${across(now)} y1=${HEAD - 4} y2=${height}></line>
  </svg>`;
}

function bar(port, lane, across, width) {
  const serves = port.fixed || port.moves_at === null ? port.closes_at : port.moves_at;
  const from = across(port.opens_at);
  const to = Math.max(across(port.fixed ? Infinity : serves), from + 2);
  const end = Math.max(across(port.fixed ? Infinity : port.closes_at), to);
  const y = HEAD + lane * LANE + (LANE - BAR) / 2;
  const name = `Port ${port.port} of ${port.lane}, ${STATES[port.state] ?? port.state}, from ${clock(port.opens_at)}`;
  const told = port.late ? `${name}, late: no mirror has the file` : name;
  return svg`<g class="port ${port.state} ${port.late ? "late" : ""}">
    <title>${told}</title>
    <rect class="grace" x=${from} y=${y + BAR / 4} width=${end - from} height=${BAR / 2} rx="3"></rect>
    <rect class="serves" x=${from} y=${y} width=${to - from} height=${BAR} rx="5"></rect>
    ${to - from > width * ROOM ? svg`<text x=${(from + to) / 2} y=${y + BAR / 2 + 4} text-anchor="middle">${port.port}</text>` : ""}
  </g>`;
}
