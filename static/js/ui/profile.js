/**
 * <cc-profile>: the dialog about oneself: the name, the appearance, the Enter key, what others see.
 * Property: `app`. Method: `open()`.
 */

import { html, nothing } from "../../vendor/lit.js";
import { DialogElement } from "./dialog.js";
import { icon } from "./icons.js";
import { ENTERS, preferences, SIGNALS, THEMES } from "./preferences.js";
import { tellChosen } from "./telling.js";
import { showTheme } from "./theme.js";
import { words } from "./words.js";

const NAME_MAX_CHARACTERS = 64;

class Profile extends DialogElement {
  static properties = { saved: { state: true } };

  constructor() {
    super();
    this.saved = false;
  }

  reset() {
    this.saved = false;
  }

  heading() {
    return words.profile.title;
  }

  body() {
    return html`
      <form @submit=${this.#rename}>
        <div class="field">
          <label for="my-name">${words.profile.nameLabel}</label>
          <div class="link-row">
            <input
              id="my-name" class="input" name="name" required data-first
              autocomplete="name" maxlength=${NAME_MAX_CHARACTERS}
              .value=${this.app.me.name} @input=${() => (this.saved = false)}
            >
            <button class="button" ?disabled=${this.busy}>
              ${this.saved ? html`${icon("check")} ${words.profile.saved}` : words.profile.save}
            </button>
          </div>
          <span class="unseen" role="status">${this.saved ? words.profile.saved : nothing}</span>
        </div>
      </form>
      ${choices("theme", words.profile.theme, THEMES, themeLabel, { chosen: showTheme })}
      ${choices("enter", words.profile.enter, ENTERS, (enter) => words.profile.enters[enter])}
      ${choices("signals", words.signals.title, SIGNALS, (choice) => words.signals.choices[choice], {
        about: words.signals.about, chosen: () => tellChosen(this.app),
      })}`;
  }

  async #rename(event) {
    event.preventDefault();
    const name = new FormData(event.target).get("name").trim();
    if (!name || this.busy) return;
    this.saved = Boolean(
      await this.run(async () => {
        await this.app.rename(name);
        return true;
      }),
    );
  }
}

function themeLabel(theme) {
  return html`${icon(theme)} ${words.profile.themes[theme]}`;
}

/** One choice of this browser, kept at once; `chosen` is told of it, and `about` says what it does. */
function choices(name, title, values, label, { chosen = () => {}, about = "" } = {}) {
  const choose = (value) => {
    preferences.set(name, value);
    chosen(value);
  };
  return html`<fieldset class="field">
    <legend>${title}</legend>
    <div class="choices">
      ${values.map((value) => html`<label>
        <input
          type="radio" name=${name} value=${value}
          ?checked=${preferences.get(name) === value} @change=${() => choose(value)}
        >
        ${label(value)}
      </label>`)}
    </div>
    ${about ? html`<p class="hint">${about}</p>` : nothing}
  </fieldset>`;
}

customElements.define("cc-profile", Profile);
