/**
 * <cc-file>: a file beside a message: what it is, how far it has come, and the way to have it.
 * Attribute: `sending`, while it is on its way to the server. Properties: `files` (the app's), `roomId`, `file` ({id,
 * name, size, mime}). Listens: "cc-no-picture".
 */

import { html, nothing } from "../../vendor/lit.js";
import { FollowingElement } from "./element.js";
import { endingOf, kindOf, shownName, sizeWords } from "./file_names.js";
import "./file_picture.js";
import { icon } from "./icons.js";
import { claimsPicture } from "./pictures.js";
import { problemFor } from "./problems.js";
import { save } from "./saving.js";
import { words } from "./words.js";

class FileCard extends FollowingElement {
  static properties = {
    files: { attribute: false },
    roomId: { attribute: false },
    file: { attribute: false },
    sending: { type: Boolean },
    isOther: { state: true },
  };

  constructor() {
    super();
    this.isOther = false;
    this.addEventListener("cc-no-picture", () => (this.isOther = true));
  }

  get followed() {
    return this.files;
  }

  followedChanged({ detail }) {
    if (detail.id === this.file.id) this.requestUpdate();
  }

  render() {
    const { file, files, sending } = this;
    const transfer = files?.of(file.id) ?? null;
    const name = shownName(file.name);
    // One that waits since the page before is sealed here, and cannot be shown until the server has it.
    const isHere = !sending || Boolean(files?.here(file.id));
    return html`
      ${claimsPicture(file) && !this.isOther && isHere
        ? html`<cc-picture .files=${files} .roomId=${this.roomId} .file=${file} ?sending=${sending}></cc-picture>`
        : nothing}
      <div class="file" data-file-id=${file.id} data-state=${transfer?.state ?? "idle"}>
        ${icon(kindOf(file.mime))}
        <div class="file-words">
          <bdi class="file-name" title=${file.name}>${name}</bdi>
          ${transfer ? this.#progress(transfer, name) : this.#about()}
        </div>
        ${sending ? nothing : this.#tool(transfer, name)}
      </div>`;
  }

  #about() {
    const { name, size } = this.file;
    return html`<span class="file-about small soft figures">
      ${[endingOf(name), sizeWords(size)].filter(Boolean).join(" · ")}
    </span>`;
  }

  #progress({ state, done, total, code }, name) {
    if (state === "failed") {
      // What keeps a whole message back is said once, below its files.
      if (this.sending) return this.#about();
      return html`<span class="file-about small" role="alert">${failureWords(code)}</span>`;
    }
    const { sealing, sending, fetching, getsReady, soFar, waitsForServer } = words.files;
    const label = { sealing, sending, fetching }[state](name);
    const rest = state === "sealing" ? getsReady : soFar(sizeWords(done), sizeWords(total));
    return html`<progress aria-label=${label} max=${Math.max(1, total)} .value=${done}></progress>
      <span class="file-about small soft figures">${code ? waitsForServer : rest}</span>`;
  }

  #tool(transfer, name) {
    if (transfer?.state === "fetching") {
      return html`<button
        class="tool" type="button" aria-label=${words.files.stop(name)} title=${words.files.stop(name)}
        @click=${() => this.files.stop(this.file.id)}
      >${icon("close")}</button>`;
    }
    return html`<button
      class="tool" type="button" aria-label=${words.files.download(name)} title=${words.files.download(name)}
      @click=${this.#download}
    >${icon("download")}</button>`;
  }

  async #download() {
    const blob = await this.files.fetch(this.roomId, this.file.id);
    if (blob) save(blob, this.file.name);
  }
}

function failureWords(code) {
  const { title, text } = problemFor(code);
  return html`<strong>${title}.</strong> ${text}`;
}

customElements.define("cc-file", FileCard);
