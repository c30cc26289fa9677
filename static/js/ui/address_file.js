/**
 * <cc-address-file>: takes a connection file by hand, when no place on the network has one.
 * Property: `app`. Event: "cc-file-taken" when it was one to believe.
 */

import { html, nothing } from "../../vendor/lit.js";
import { PageElement } from "./element.js";
import { words } from "./words.js";

const MAX_BYTES = 65_536;
const FOREIGN = ["unauthentic", "unknown_peer", "unsupported_version"];

class AddressFile extends PageElement {
  static properties = { app: { attribute: false }, said: { state: true } };

  constructor() {
    super();
    this.said = null;
  }

  render() {
    return html`<div class="address-file">
      <input type="file" accept=".json,application/json" hidden @change=${this.#picked}>
      <button class="button plain" type="button" aria-describedby="address-file-about" @click=${this.#pick}>
        ${words.addressFile.pick}
      </button>
      <p class="small soft" id="address-file-about">${words.addressFile.about}</p>
      <p class="small" role="status">${this.said ?? nothing}</p>
    </div>`;
  }

  #pick() {
    this.querySelector("input").click();
  }

  async #picked(event) {
    const input = event.target;
    const [file] = input.files;
    if (!file) return;
    this.said = null;
    this.said = file.size > MAX_BYTES ? words.addressFile.malformed : await this.#use(file);
    // So that picking the same file once more is a change again.
    input.value = "";
  }

  /** @returns {Promise<string>} what to say of it */
  async #use(file) {
    try {
      await this.app.useFile(new Uint8Array(await file.arrayBuffer()));
    } catch (error) {
      return refusal(error.code);
    }
    this.dispatchEvent(new CustomEvent("cc-file-taken", { bubbles: true }));
    return words.addressFile.taken;
  }
}

function refusal(code) {
  const { malformed, foreign, replayed, forked, storage } = words.addressFile;
  if (FOREIGN.includes(code)) return foreign;
  return { replayed, forked, storage, internal: storage }[code] ?? malformed;
}

customElements.define("cc-address-file", AddressFile);
