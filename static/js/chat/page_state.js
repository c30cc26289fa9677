// Where the page stands, and the news of it.
//
// "change" comes with detail `{what: "state" | "connection" | "people" | "rooms" | "messages" | "signals", roomId?}`.

export class PageState extends EventTarget {
  #state = "starting";
  #problem = null;

  /** @returns {"starting" | "elsewhere" | "empty" | "invited" | "enrolling" | "ready" | "revoked" | "failed"} */
  get state() {
    return this.#state;
  }

  /** @returns {{code: string, details: object} | null} */
  get problem() {
    return this.#problem;
  }

  /** @param {string} state @param {import("./problem.js").Problem | null} [problem] */
  become(state, problem = null) {
    this.#state = state;
    this.#problem = problem;
    this.tell("state");
  }

  /** @param {string} what has changed @param {string} [roomId] */
  tell(what, roomId = undefined) {
    this.dispatchEvent(new CustomEvent("change", { detail: { what, roomId } }));
  }
}
