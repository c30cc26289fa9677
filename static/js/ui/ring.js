/**
 * The ring: fills over the time until the next move; its dot is where we are on the way. Each state has its own shape,
 * so it reads without colour: a filling arc, a short one that turns once, a dashed ring, a broken one with a stroke.
 */

import { html, svg } from "../../vendor/lit.js";

const SIZE = 24;
const RADIUS = 9.5;
// A gap between dots of an unfinished ring, as parts of its whole length.
const DASHES = "0.07 0.055";
const BROKEN = "0.34 0.16";

/**
 * @param {{status: "connected"|"moving"|"connecting"|"offline", progress?: number|null}} state
 *   progress: 0 to 1, the share of the time between two moves that has passed
 */
export function ring({ status, progress = null }) {
  const share = status === "connected" ? Math.min(1, Math.max(0, progress ?? 1)) : 1;
  return html`<svg class="ring ${status}" viewBox="0 0 ${SIZE} ${SIZE}" aria-hidden="true" focusable="false">
    <circle class="track" cx="12" cy="12" r=${RADIUS} pathLength="1" stroke-dasharray=${dashes(status)}></circle>
    <g class="turning">
      ${status === "connected" || status === "moving" ? arc(share, status) : ""}
    </g>
    ${status === "offline" ? svg`<path class="stroke" d="M8 16 16 8"></path>` : ""}
  </svg>`;
}

function arc(share, status) {
  const filled = status === "moving" ? 0.3 : share;
  return svg`
    <circle
      class="arc" cx="12" cy="12" r=${RADIUS} pathLength="1"
      stroke-dasharray="${filled} 1" transform="rotate(-90 12 12)"
    ></circle>
    <circle class="dot" cx="12" cy=${12 - RADIUS} r="2.5" transform="rotate(${filled * 360} 12 12)"></circle>`;
}

function dashes(status) {
  if (status === "connecting") return DASHES;
  return status === "offline" ? BROKEN : "1 0";
}
