// A short report of `node --test`: each failure with its error, then one line of counts. With CI=1 a skip is a failure,
// unless its reason begins with OUTSIDE: what is not part of the repository cannot be asked of every machine.

const OUTSIDE = "outside the repository";

/** Lines to print for the events of one test run. */
export default async function* report(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  let mayNotSkip = 0;
  for await (const { type, data } of events) {
    if (data.details?.type === "suite") continue;
    if (type === "test:pass" && data.skip === undefined && data.todo === undefined) counts.passed += 1;
    else if (type === "test:pass") {
      const reason = String(data.skip || data.todo || "no reason given");
      counts.skipped += 1;
      if (!reason.startsWith(OUTSIDE)) mayNotSkip += 1;
      yield `skipped: ${data.name} (${data.file}): ${reason}\n`;
    } else if (type === "test:fail") {
      counts.failed += 1;
      const error = data.details.error;
      yield `FAILED: ${data.name} (${data.file}:${data.line})\n${error.cause?.stack ?? error.stack ?? error}\n`;
    } else if (type === "test:stderr") yield data.message;
  }
  if (process.env.CI === "1" && mayNotSkip > 0) {
    process.exitCode = 1;
    yield "CI=1: a skipped test is a failure.\n";
  }
  yield `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}
