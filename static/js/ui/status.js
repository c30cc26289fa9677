/**
 * <cc-status>: the chip that says how one is connected, and the card it opens: where one is, when the next move comes,
 * through which mirror the place was found, since when connected.
 * Property: `app`.
 */

import { html, nothing } from "../../vendor/lit.js";
import { diagnoseButton } from "./diagnose_button.js";
import { AppElement } from "./element.js";
import { noticeFor } from "./problems.js";
import { progressOf } from "./progress.js";
import { ring } from "./ring.js";
import { spanWords, times } from "./times.js";
import { doubtWords, words } from "./words.js";
import "./address_file.js";

const SECOND_MS = 1000;
// The ring of the chip is drawn anew in steps that nobody sees.
const CHIP_STEPS = 60;

class Status extends AppElement {
  static properties = { isOpen: { state: true } };
  static follows = ["connection"];
  #timer = null;
  #wasConnected = false;

  constructor() {
    super();
    this.isOpen = false;
  }

  // Lifecycle

  connectedCallback() {
    super.connectedCallback();
    this.#tick();
  }

  appChanged() {
    this.#tick();
    this.requestUpdate();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    super.disconnectedCallback();
  }

  render() {
    const { connection } = this.app;
    this.#wasConnected ||= connection.status === "connected";
    const progress = progressOf(connection, Date.now());
    return html`
      <button class="chip ${connection.status}" popovertarget="connection-card" data-status=${connection.status}>
        ${ring({ status: connection.status, progress })}
        <span class="chip-name">${this.#name(connection.status)}</span>
      </button>
      <div
        class="card" id="connection-card" popover role="dialog" aria-label=${words.status.title}
        @toggle=${this.#toggled}
      >${this.isOpen ? this.#card(connection, progress) : nothing}</div>`;
  }

  #card(connection, progress) {
    const problem = connection.problem ? noticeFor(connection.problem.code) : null;
    const isAway = connection.status === "offline" || connection.status === "connecting";
    return html`
      <div class="dial">
        ${ring({ status: connection.status, progress })}
        <p class="where figures">
          <span class="port">${connection.port ?? "–"}</span>
          <span class="small soft">${connection.port ? words.status.port : words.status.nowhere}</span>
        </p>
      </div>
      <h2>${this.#name(connection.status)}</h2>
      <p>${problem ? `${problem.title}. ${problem.text}` : sentence(connection, Date.now())}</p>
      ${facts(connection, Date.now())}
      ${this.#remedies(isAway)} ${isAway ? html`<cc-address-file .app=${this.app}></cc-address-file>` : nothing}`;
  }

  #remedies(isAway) {
    return html`<p class="actions" @cc-diagnose=${this.#hide}>
      ${isAway
        ? html`<button class="button" @click=${() => this.app.retryNow()}>${words.status.retry}</button>`
        : nothing}
      ${diagnoseButton(null, isAway ? words.diagnosis.title : words.diagnosis.check)}
    </p>`;
  }

  // Actions

  #toggled(event) {
    this.isOpen = event.newState === "open";
    this.#tick();
  }

  /** Before the dialog opens, so that the focus comes back to the chip when it closes. */
  #hide() {
    this.querySelector(".card").hidePopover();
  }

  // Internal

  #name(status) {
    if (status === "connecting" && !this.#wasConnected) return words.status.firstTime;
    return words.status.names[status];
  }

  #tick() {
    clearInterval(this.#timer);
    const stepMs = (this.app.connection.interval ?? 0) / CHIP_STEPS;
    this.#timer = setInterval(() => this.requestUpdate(), this.isOpen ? SECOND_MS : Math.max(SECOND_MS, stepMs));
  }
}

/** What is going on, in one or two sentences. */
function sentence({ status, port, nextMove, serverName }, now) {
  if (status !== "connected") return words.status[status];
  const at = words.status.at(serverName || words.product, port);
  if (!nextMove) return at;
  const span = nextMove - now;
  return `${at} ${span > 0 ? words.status.nextMove(spanWords(span), times.hour(nextMove)) : words.status.moveDue}`;
}

function facts({ status, since, mirror, doubts, fingerprint }, now) {
  const found = mirror ? origin(mirror) : status === "connected" && words.status.byServer;
  return html`<ul class="facts">
    ${since ? html`<li>${words.status.since(times.moment(since, now))}</li>` : nothing}
    ${found ? html`<li>${found}</li>` : nothing}
    ${doubts.map((doubt) => html`<li>${doubtWords(doubt)}</li>`)}
    ${fingerprint ? html`<li>${words.status.fingerprint}<code>${fingerprint}</code></li>` : nothing}
  </ul>`;
}

function origin(mirror) {
  if (mirror.startsWith("file:")) return words.status.byHand;
  return words.status.mirror(URL.canParse(mirror) ? new URL(mirror).host : mirror);
}

customElements.define("cc-status", Status);
