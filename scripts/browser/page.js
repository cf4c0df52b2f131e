/** Runs in the page: every test after the other, each reported to the server as it ends. */

const LIMIT_MS = 120_000;
/** Errors nobody caught since the last report, for example a validation error of the device: they fail a test. */
let strays = [];

/** Runs `files` (`{ file: { name: async () => {} } }`), of which only the tests whose full name contains `only`. */
export async function runAll(files, only) {
  addEventListener("error", collect);
  addEventListener("unhandledrejection", collect);
  for (const [file, tests] of Object.entries(files)) {
    for (const [test, body] of Object.entries(tests)) {
      const name = `${file}: ${test}`;
      if (name.includes(only)) await report({ name, ...(await runOne(body)) });
    }
  }
  await report({ done: true });
}

function collect(event) {
  event.preventDefault();
  strays.push(event.error ?? event.reason ?? event.message);
}

async function runOne(body) {
  const start = performance.now();
  try {
    await Promise.race([body(), lateness()]);
  } catch (error) {
    strays.unshift(error);
  }
  const ms = Math.round(performance.now() - start);
  await new Promise((resolve) => setTimeout(resolve, 5)); // stray errors arrive a task later
  const errors = strays;
  strays = [];
  if (errors.length === 0) return { ok: true, ms };
  return { ok: false, ms, error: errors.map((error) => error?.stack ?? `${error}`).join("\n") };
}

function lateness() {
  const error = new Error(`the test did not end within ${LIMIT_MS / 1000} s`);
  return new Promise((_, reject) => setTimeout(() => reject(error), LIMIT_MS));
}

async function report(result) {
  await fetch("/report", { method: "POST", body: JSON.stringify(result) });
}
