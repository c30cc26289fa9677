// The parts of the dashboard as templates: what needs somebody, the figures of now, nodes and mirrors.

import { html, nothing } from "../../vendor/lit.js";
import { bytes, clock, duration, number, reasons, verdict } from "./words.js";

const SIGNS = { urgent: "error", warning: "warning", notice: "info" };
const MIRROR_SIGNS = { well: "check_circle", unknown: "schedule", failing: "warning", attention: "warning", suspect: "error" };
/** From this share on a bar says that it is nearly full. */
const FULL = 85;

/** @param {string} name of a sign in the theme's own set */
function sign(name) {
  return html`<span class="material-symbols-outlined" aria-hidden="true">${name}</span>`;
}

/**
 * The verdict, and what needs somebody, each with its remedy and the way to it.
 *
 * @param {object[]} attention
 * @param {number} now seconds since 1970
 */
export function attentionView(attention, now) {
  return html`<h2 class="verdict">${verdict(attention)}</h2>
    <ul class="matters">
      ${attention.map((matter) => html`<li class="matter ${matter.severity}">
        ${sign(SIGNS[matter.severity] ?? "info")}
        <div>
          <p class="what">${matter.text}</p>
          <p class="remedy">${matter.remedy}</p>
          ${matter.since ? html`<p class="since">for ${duration(now - matter.since)}</p>` : nothing}
        </div>
        ${matter.link ? html`<a class="button" href=${matter.link}>${matter.label}</a>` : nothing}
      </li>`)}
    </ul>`;
}

/**
 * The figures of now.
 *
 * @param {{people: number, without_mlkem: number, messages: number, bytes: number, refused: Record<string, number>, scans: number}} now
 */
export function figuresView(now) {
  const refused = Object.values(now.refused).reduce((sum, count) => sum + count, 0);
  return html`
    ${figure("People connected", number(now.people), withoutMlkem(now.without_mlkem) || "devices with a live session")}
    ${figure("Messages", number(now.messages), "in the last minute")}
    ${figure("Traffic", bytes(now.bytes), "in the last minute")}
    ${figure("Refused", number(refused), reasons(now.refused) || "in the last hour")}
    ${figure("Scans", number(now.scans), "touches in the last hour")}`;
}

/** How many would be shut out, if ML-KEM were required; nothing when nobody would. */
function withoutMlkem(count) {
  return count ? `devices, ${number(count)} of them without ML-KEM` : "";
}

function figure(title, value, note) {
  return html`<div class="figure"><dt>${title}</dt><dd>${value}<small>${note}</small></dd></div>`;
}

/**
 * The nodes and what they use.
 *
 * @param {object[]} nodes
 * @param {number} now seconds since 1970
 */
export function nodesView(nodes, now) {
  return nodes.map((node) => html`<article class="node">
    <h3>${node.name} ${node.running ? nothing : html`<span class="state wrong">silent for ${duration(now - node.seen_at)}</span>`}</h3>
    <p class="note">${number(node.people)} connected${node.delay_ms === null ? nothing : html`, slowest answer ${number(node.delay_ms)} ms`},
      up ${duration(now - node.since)}</p>
    ${gauge("Processor", node.machine_cpu, `${number(node.machine_cpu)}%`, `ClawChat ${number(node.cpu)}% of a core`)}
    ${gauge("Memory", node.machine_memory, `${number(node.machine_memory)}%`, `ClawChat ${bytes(node.memory_bytes)}`)}
    ${gauge("Disk", usedOf(node), `${number(usedOf(node))}%`, `${bytes(node.disk_free_bytes)} free`)}
  </article>`);
}

/** Which share of the disk is used, in percent; null when nobody knows. */
function usedOf({ disk_free_bytes: free, disk_total_bytes: total }) {
  return free === null || free === undefined || !total ? null : 100 * (1 - free / total);
}

function gauge(title, share, told, note) {
  if (share === null || share === undefined) return html`<p class="gauge"><span>${title}</span><span>not known</span></p>`;
  return html`<div class="gauge">
    <span>${title}</span><span>${told}</span>
    <meter min="0" max="100" high=${FULL} optimum="0" value=${share} aria-label=${title}></meter>
    <small>${note}</small>
  </div>`;
}

/**
 * The mirrors and how each is.
 *
 * @param {object[]} mirrors
 * @param {number} now seconds since 1970
 */
export function mirrorsView(mirrors, now) {
  return html`<ul class="mirrors">
    ${mirrors.map((mirror) => html`<li class="mirror ${mirror.enabled ? mirror.state : "off"}">
      ${sign(mirror.enabled ? (MIRROR_SIGNS[mirror.state] ?? "info") : "pause_circle")}
      <div>
        <a href=${mirror.link}>${mirror.name}</a>
        <p class="note">${mirror.enabled ? mirror.problem || mirror.told : "turned off"}</p>
      </div>
      <small>${mirror.watched_at ? `${duration(now - mirror.watched_at)} ago` : "never"}</small>
    </li>`)}
  </ul>`;
}

/**
 * What is done from here, and the last burn.
 *
 * @param {{label: string, link: string}[]} ways
 * @param {object | null | undefined} burn
 */
export function waysView(ways, burn) {
  return html`${ways.map((way) => html`<a class="button" href=${way.link}>${way.label}</a>`)}
    ${burn ? html`<p class="note">${burnTold(burn)}</p>` : nothing}`;
}

function burnTold(burn) {
  const what = burn.drill ? "drill" : "burn";
  if (burn.safe_after === null) return `A ${what} is under way since ${clock(burn.started_at)}.`;
  return `The last ${what} took ${number(burn.safe_after)} s to safe.`;
}
