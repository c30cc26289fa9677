/**
 * <cc-writing>: who is writing in a room just now. Readers of a screen hear of it once for each beginning, and of no
 * end. Properties: `app`, `roomId` (fixed for the life of the element).
 */

import { html, nothing } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { namesOf } from "./people.js";
import { writersIn } from "./telling.js";
import { words } from "./words.js";

class Writing extends AppElement {
  static properties = { roomId: { attribute: false } };
  static follows = ["signals", "messages", "people"];
  #writers = [];
  #said = "";

  appChanged({ roomId }) {
    if (!roomId || roomId === this.roomId) this.requestUpdate();
  }

  willUpdate(changed) {
    super.willUpdate(changed);
    const before = this.#writers;
    this.#writers = writersIn(this.app, this.roomId);
    const begun = this.#writers.filter((userId) => !before.includes(userId));
    if (begun.length > 0) this.#said = this.#sentence(begun);
    else if (this.#writers.length === 0) this.#said = "";
  }

  render() {
    const writers = this.#writers;
    return html`
      <p class="writing small" aria-hidden="true">
        ${writers.length > 0 ? html`<span>${this.#sentence(writers)}</span>` : nothing}
      </p>
      <p class="unseen" role="status">${this.#said}</p>`;
  }

  #sentence(userIds) {
    return words.signals.writing(namesOf(this.app.people, userIds), userIds.length);
  }
}

customElements.define("cc-writing", Writing);
