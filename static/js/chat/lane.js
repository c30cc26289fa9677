// One thing at a time: a task begins when the one before it has ended, however it ended.

export class Lane {
  #last = Promise.resolve();

  /** @template T @param {() => Promise<T>} task @returns {Promise<T>} */
  run(task) {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return result;
  }
}
