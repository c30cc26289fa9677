/** The mark: three claw strokes that grow like a signal, and the dot that moves over them. Our own drawing. */

import { svg, html } from "../../vendor/lit.js";

const STROKES = [
  "M8.7 26.5C10.6 32.4 10.8 37.0 5.5 42.0C15.7 37.7 17.3 31.8 14.3 24.5A3.0 3.0 0 0 0 8.7 26.5Z",
  "M19.9 17.7C23.8 27.2 22.5 35.0 13.5 43.0C29.7 36.2 31.7 26.9 26.1 15.3A3.3 3.3 0 0 0 19.9 17.7Z",
  "M31.2 9.5C37.4 22.4 35.1 33.2 22.5 44.0C44.6 34.7 46.8 22.3 37.8 6.5A3.6 3.6 0 0 0 31.2 9.5Z",
];
const DOT = { x: 12.4, y: 13.2, radius: 4.1 };

/** @param {string} [className] "mark" sits in a line of text, "mark backdrop" fills a corner of the screen */
export function mark(className = "mark") {
  return html`<svg class=${className} viewBox="0 0 48 48" aria-hidden="true" focusable="false">
    ${STROKES.map((stroke) => svg`<path d=${stroke}></path>`)}
    <circle class="dot" cx=${DOT.x} cy=${DOT.y} r=${DOT.radius}></circle>
  </svg>`;
}
