// The dashboard: shows the figures that came with the page, then asks for new ones every few seconds.

import { render } from "../../vendor/lit.js";
import { attentionView, figuresView, mirrorsView, nodesView, waysView } from "./parts.js";
import { Plots } from "./plots.js";
import { nextMove, timelineView } from "./timeline.js";
import { clock } from "./words.js";

const EVERY_MS = 5000;
const LEAST_WIDTH = 300;

const root = document.getElementById("dashboard");
const place = (name) => root.querySelector(`[data-part="${name}"]`);
let shown = JSON.parse(document.getElementById("dashboard-figures").textContent);
let plots = null;

/** Draw what there is; a part that this operator may not see stays hidden. */
function show() {
  const { at, attention, ways, burn, now, series, nodes, mirrors, timeline } = shown;
  render(attentionView(attention, at), place("attention"));
  render(waysView(ways, burn), place("ways"));
  reveal("figures", now, (where) => render(figuresView(now), where));
  reveal("nodes", nodes, (where) => render(nodesView(nodes, at), where));
  reveal("mirrors", mirrors, (where) => render(mirrorsView(mirrors, at), where));
  reveal("timeline", timeline, (where) => {
    place("next-move").textContent = nextMove(timeline, at);
    render(timelineView(timeline, at, Math.max(where.clientWidth, LEAST_WIDTH)), where);
  });
  reveal("plots", series, (where) => {
    plots ??= new Plots(where);
    plots.show(series);
  });
  place("asked").textContent = `As of ${clock(at)} UTC`;
}

function reveal(name, figures, draw) {
  const where = place(name);
  where.closest("section").hidden = !figures;
  if (figures) draw(where);
}

/** Ask for new figures; what came last stays when the server does not answer. */
async function ask() {
  const answer = await fetch(`${root.dataset.address}?span=${shown.span}`, { redirect: "error" }).catch(() => null);
  if (answer?.ok) {
    shown = await answer.json();
    show();
  } else {
    place("asked").textContent = `No answer since ${clock(shown.at)} UTC; asking again`;
  }
}

for (const button of root.querySelectorAll("[data-span]")) {
  button.addEventListener("click", () => {
    shown.span = button.dataset.span;
    for (const other of root.querySelectorAll("[data-span]")) other.ariaPressed = String(other === button);
    ask();
  });
}
let width = 0;
// The page has no width before the theme shows it, and another one when the side bar goes.
new ResizeObserver(() => {
  if (place("timeline").clientWidth === width) return;
  width = place("timeline").clientWidth;
  show();
}).observe(place("timeline"));
show();
setInterval(() => {
  if (!document.hidden) ask();
}, EVERY_MS);
