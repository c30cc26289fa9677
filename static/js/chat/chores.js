// What is to be done after a session began or the server gave notice: one after the other, each once however often it
// is asked for.

import { ChannelClosed } from "../net/failures.js";
import { PeerError } from "../protocol/errors.js";
import { Lane } from "./lane.js";

export class Chores {
  #lane = new Lane();
  #waiting = new Set();
  #parts;

  /**
   * @param {object} parts `ask`, `directory`, `welcomes`, `stock`, `rooms`, `peopleChanged()`, `failed(cause)`
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {"attached" | "welcome" | "directory"} occasion a session began, or the notice that came */
  add(occasion) {
    if (this.#waiting.has(occasion)) return;
    this.#waiting.add(occasion);
    const chore = async () => {
      this.#waiting.delete(occasion);
      await this.#do(occasion);
    };
    this.#lane.run(chore).catch((cause) => this.#giveUp(cause));
  }

  async #do(occasion) {
    if (occasion === "attached") {
      await this.#attachNewcomers();
      // Before all that may wait: until a key package is there, nobody can add this device.
      await this.#parts.stock.offerLastResort(Math.floor(Date.now() / 1000));
    }
    if (occasion !== "welcome") await this.#learnPeople();
    if (occasion !== "directory") await this.#join();
    if (occasion === "attached") await this.#parts.stock.fill(Math.floor(Date.now() / 1000));
  }

  async #learnPeople() {
    await this.#parts.directory.refresh(this.#parts.ask);
    this.#parts.peopleChanged();
  }

  #join() {
    const { rooms, welcomes } = this.#parts;
    return welcomes.take(
      (id) => rooms.get(id),
      async (state) => {
        rooms.joined(state);
        await this.#attachNewcomers();
      },
    );
  }

  /** When the session ends meanwhile, the next one takes up all rooms. */
  #attachNewcomers() {
    return this.#parts.rooms.attachNewcomers().catch((cause) => {
      if (!(cause instanceof ChannelClosed)) throw cause;
    });
  }

  /** What the server refuses comes again with the next session; anything else is a fault of ours. */
  #giveUp(cause) {
    if (!(cause instanceof PeerError)) this.#parts.failed(cause);
  }
}
