// Keeps one whole version of the app and the last sealed files, so that the app opens while the front door is away.
//
// A classic script, sent by the server behind constants: VERSION, and its page's POLICY and FILES (address -> digest).
// It sees only what strangers see: the app's own files, and discovery files, which are noise without the secret.
// Never kept: the admin, health, measurements, requests to anywhere else. What it does not answer goes its usual way.

/* global VERSION, POLICY, FILES */

const PAGE = "/";
const SHELLS = "shell-";
const SHELL = SHELLS + VERSION;
const SEALED = "sealed";
const SEALED_PATHS = ["/connection.json", "/revocations.json"];
const SEALED_MAX_BYTES = 64 * 1024;
const SEALED_TIMEOUT_MS = 5000;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(dropOtherShells()));
self.addEventListener("fetch", (event) => {
  const answer = answerTo(event.request);
  if (answer) event.respondWith(answer);
});
// A newer version waits until the page's reader wants it, or until no page is open any more.
self.addEventListener("message", (event) => {
  if (event.data === "switch") self.skipWaiting();
});

// A version is kept whole or not at all: a file with another digest belongs to another version.

async function install() {
  // The version in use comes again when the server went back to it.
  const isKept = await caches.has(SHELL);
  try {
    const shell = await caches.open(SHELL);
    await Promise.all(Object.entries(FILES).map(([path, digest]) => add(shell, path, digest)));
  } catch (cause) {
    if (!isKept) await caches.delete(SHELL);
    throw cause;
  }
  await Promise.allSettled(SEALED_PATHS.map(keepNow));
}

async function add(shell, path, integrity) {
  const newest = () => fetch(path, { cache: "reload", integrity });
  // The page has just loaded its files, so most need not come again; the page itself must, for its headers.
  const response = await (path === PAGE ? newest() : fetch(path, { cache: "force-cache", integrity }).catch(newest));
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  // A server whose database was away for a moment names no mirrors; kept, such a page could never reach them.
  if (path === PAGE && !hasPolicy(response)) throw new Error(`${path}: another policy`);
  await shell.put(path, response);
}

/** Whether it came with the page's policy; a proxy may have put another beside it. */
function hasPolicy({ headers }) {
  return headers.get("Content-Security-Policy")?.includes(POLICY);
}

async function dropOtherShells() {
  const others = (await caches.keys()).filter((name) => name.startsWith(SHELLS) && name !== SHELL);
  await Promise.all(others.map((name) => caches.delete(name)));
}

/** @returns {Promise<Response> | null} null: none of our business */
function answerTo(request) {
  const { origin, pathname, search } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return null;
  if (request.mode === "navigate") return pathname === PAGE ? keptFile(PAGE, request) : null;
  if (search) return null;
  if (Object.hasOwn(FILES, pathname) && pathname !== PAGE) return keptFile(pathname, request);
  if (!SEALED_PATHS.includes(pathname)) return null;
  return request.cache === "only-if-cached" ? keptSealed(pathname) : keeping(pathname, fetch(request));
}

async function keptFile(path, request) {
  return (await kept(SHELL, path)) ?? fetch(request);
}

// An old file in place of the front door's answer would look like news from there, so only who asks for it gets it.

async function keptSealed(path) {
  return (await kept(SEALED, path)) ?? new Response(null, { status: 504 });
}

/** What a cache has; nothing, too, where the browser's own storage fails. */
async function kept(name, path) {
  try {
    const cache = await caches.open(name);
    return await cache.match(path, { ignoreVary: true });
  } catch {
    return undefined;
  }
}

async function keepNow(path) {
  const options = { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(SEALED_TIMEOUT_MS) };
  const response = await keeping(path, fetch(path, options));
  await response.body?.pipeTo(new WritableStream());
}

/** The same answer; what flows through is kept once it has all come, unless it is no sealed file or too much for one. */
async function keeping(path, asked) {
  const response = await asked;
  const isFile = response.ok && response.headers.get("Content-Type")?.startsWith("application/json");
  // A copy would not say where it came from, and the page looks at that.
  if (!isFile || !response.body || response.redirected) return response;
  const parts = [];
  let length = 0;
  const copy = new TransformStream({
    transform(part, out) {
      length += part.length;
      if (length <= SEALED_MAX_BYTES) parts.push(part);
      out.enqueue(part);
    },
    async flush() {
      if (length > SEALED_MAX_BYTES) return;
      // A full disk is no reason to break off what the page reads.
      await keep(path, new Blob(parts)).catch(() => {});
    },
  });
  return new Response(response.body.pipeThrough(copy), response);
}

async function keep(path, content) {
  const sealed = await caches.open(SEALED);
  await sealed.put(path, new Response(content, { headers: { "Content-Type": "application/json" } }));
}
