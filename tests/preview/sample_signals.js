/** Who is writing, as a scene or whoever looks has it. */
export class SampleSignals {
  #writers = new Map();

  /** @param {string} roomId @param {string[]} userIds */
  put(roomId, userIds) {
    this.#writers.set(roomId, userIds);
  }

  writers(roomId) {
    return this.#writers.get(roomId) ?? [];
  }

  readers() {
    return [];
  }

  typing() {}

  typed() {}

  seen() {}
}
