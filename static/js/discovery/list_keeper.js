// The revocation list that the newest connection file names: fetched beside it, and asked for again until it is there.
//
// Spec: 3.12

import { LIST_NAME } from "../protocol/places.js";
import { askBeside } from "./mirrors.js";

/** A list that no place has yet is asked for again after pauses that double. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [2000, 300_000];

export class ListKeeper {
  #trust;
  #fetchBytes;
  #info = null;
  #urls = [];
  #timer;
  #isAsking = false;
  #isOver = false;
  #whenRevoked = () => {};

  /**
   * @param {import("./trust.js").Trust} trust
   * @param {(url: string, limits: object) => Promise<Uint8Array>} fetchBytes
   */
  constructor(trust, fetchBytes) {
    this.#trust = trust;
    this.#fetchBytes = fetchBytes;
  }

  /** Called when the list says that the server or this device counts no more. @param {() => void} tell */
  set whenRevoked(tell) {
    this.#whenRevoked = tell;
  }

  /** This file was believed; its list lies beside the files at these URLs. Nobody waits for it. */
  believed(info, urls) {
    [this.#info, this.#urls] = [info, urls];
    this.#ask(FIRST_PAUSE_MS);
  }

  /** Ask no more. */
  close() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  async #ask(pauseMs) {
    clearTimeout(this.#timer);
    const info = this.#info;
    if (this.#isOver || this.#isAsking || !this.#trust.isDue(info)) return;
    this.#isAsking = true;
    const judge = ({ file }) => this.#trust.takeRevocations(file, info);
    await askBeside(this.#urls, LIST_NAME, { fetchBytes: this.#fetchBytes }, judge);
    this.#isAsking = false;
    if (this.#trust.isRevoked) this.#whenRevoked();
    else if (!this.#isOver && this.#trust.isDue(this.#info)) this.#later(pauseMs);
  }

  #later(pauseMs) {
    this.#timer = setTimeout(() => this.#ask(Math.min(2 * pauseMs, LONGEST_PAUSE_MS)), pauseMs);
  }
}
