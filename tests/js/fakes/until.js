// Waiting for what a test means, however long a busy machine takes to come there.

/** Resolved once it holds. */
export async function until(holds, milliseconds = 30_000) {
  const deadline = Date.now() + milliseconds;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("it never held");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
