// How a session that was replaced waits for its last answers.

const STEP_MS = 50;
const LONGEST_MS = 2000;

/** Resolves when `isQuiet` says so, or has not for long enough. @param {() => boolean} isQuiet */
export async function untilQuiet(isQuiet) {
  for (let waited = 0; waited < LONGEST_MS && !isQuiet(); waited += STEP_MS) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}
