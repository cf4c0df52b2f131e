/** Serves the page, its script, test/fixtures/ and the packaged weights on localhost, and takes the results the page posts. */
import { createReadStream, realpathSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join, sep } from "node:path";

const BODY_LIMIT = 1 << 20;
const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>tests</title>
<link rel="icon" href="data:,">
<script type="module" src="/tests.js"></script>`;

/**
 * Starts the server on a free port; `onReport` gets each result the page posts. `/fixtures/x` is the file `x` in
 * the folder `fixtures`, `/weights/x` one in the folder `weights`. Returns `{ url, close }`.
 */
export async function serve({ script, fixtures, weights, onReport }) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (request.method === "POST" && pathname === "/report")
      return receive(request, response, onReport);
    if (pathname === "/") return send(response, "text/html", PAGE);
    if (pathname === "/tests.js") return send(response, "text/javascript", script);
    const file =
      fixtureAt(fixtures, pathname) ?? (weights && fixtureAt(weights, pathname, "/weights/"));
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "application/octet-stream" });
    return createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

function send(response, type, text) {
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(text);
}

/** Returns the real path of a file of the folder, or undefined if there is none or it lies outside. */
export function fixtureAt(folder, pathname, prefix = "/fixtures/") {
  if (!pathname.startsWith(prefix)) return undefined;
  try {
    const base = realpathSync(folder);
    const file = realpathSync(join(base, decodeURIComponent(pathname.slice(prefix.length))));
    return file.startsWith(base + sep) && statSync(file).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

async function receive(request, response, onReport) {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_LIMIT) return response.writeHead(413).end();
  }
  let result;
  try {
    result = JSON.parse(text);
  } catch {
    return response.writeHead(400).end();
  }
  response.writeHead(204).end();
  return onReport(result);
}
