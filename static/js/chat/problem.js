// What the person has to be told: a code, for which the screens have the words, and what goes into them.

export class Problem extends Error {
  /** @param {string} code @param {object} [details] */
  constructor(code, details = {}) {
    super(code);
    this.name = "Problem";
    this.code = code;
    this.details = details;
  }

  /** The problem an error stands for. */
  static from(cause) {
    return cause instanceof Problem ? cause : new Problem(cause?.code ?? "internal");
  }
}

/** What a browser says when it cannot keep our keys. */
export function storageProblem(cause) {
  if (cause.code === "superseded" || cause instanceof Problem) return cause;
  return new Problem(cause.name === "NotSupportedError" ? "unsupported_browser" : "storage");
}
