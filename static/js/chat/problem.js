// What the person has to be told: a code, for which the screens have the words, and what goes into them.

export class Problem extends Error {
  /** @param {string} code @param {object} [details] @param {ErrorOptions} [options] the cause, for whoever debugs */
  constructor(code, details = {}, options = undefined) {
    super(code, options);
    this.name = "Problem";
    this.code = code;
    this.details = details;
  }

  /** The problem an error stands for. */
  static from(cause) {
    if (cause instanceof Problem) return cause;
    // The browser's own errors have numbers for codes.
    return new Problem(typeof cause?.code === "string" ? cause.code : "internal", {}, { cause });
  }

  /** Throws it, for where a promise fails. @returns {never} */
  static raise(cause) {
    throw Problem.from(cause);
  }
}

/** What a browser says when it cannot keep our keys. */
export function storageProblem(cause) {
  if (cause.code === "superseded" || cause instanceof Problem) return cause;
  return new Problem(cause.name === "NotSupportedError" ? "unsupported_browser" : "storage", {}, { cause });
}
