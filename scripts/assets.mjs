// Pack each library into one ES module under static/vendor/, with a manifest of versions and digests.
//
// Our own code is served as written; only libraries go through here. The result depends on package-lock.json alone:
// no time, no host and no absolute path gets into a byte of it, so two machines can compare their manifests.

import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const VENDOR = join(ROOT, "static", "vendor");

/** Module name -> what it exports, as the source of an entry file. */
const MODULES = {
  sodium: 'export { default } from "libsodium-wrappers-sumo";',
  // One module for lit and its directives: a second lit-html in a page would ask for the same Trusted Types policy.
  lit: [
    'export { html, svg, css, nothing, render, LitElement } from "lit";',
    'export { repeat } from "lit/directives/repeat.js";',
    'export { live } from "lit/directives/live.js";',
    'export { ref, createRef } from "lit/directives/ref.js";',
    'export { classMap } from "lit/directives/class-map.js";',
    'export { ifDefined } from "lit/directives/if-defined.js";',
  ].join("\n"),
  idb: 'export * from "idb";',
  // The console's: Alpine without eval, and its plots.
  alpine: 'export { default } from "@alpinejs/csp";',
  uplot: 'export { default } from "uplot";',
  cborg: 'export * from "cborg";',
};

/** Node's crypto, which libsodium asks for only where there is no Web Crypto; that import becomes an error of its own. */
const leaveOut = {
  name: "leave-out",
  setup(builder) {
    builder.onResolve({ filter: /^(node:)?crypto$/ }, (found) => ({ path: found.path, namespace: "not-packed" }));
    builder.onLoad({ filter: /.*/, namespace: "not-packed" }, () => ({ contents: 'throw new Error("not packed");' }));
  },
};

/** What Alpine writes as a style attribute, which the console's policy forbids, goes by the object model instead. */
const stylesByObject = {
  name: "styles-by-object",
  setup(builder) {
    builder.onLoad({ filter: /@alpinejs\/csp\/dist\/module\.esm\.js$/ }, async ({ path }) => {
      const found = await readFile(path, "utf8");
      const contents = found.replace(/el\.setAttribute\("style", (.+)\);/g, "el.style.cssText = $1;");
      if (contents === found) throw new Error("Alpine sets styles in another way than before: look at it again.");
      return { contents, loader: "js" };
    });
  },
};

/** Names of the packages whose files esbuild put into a module. */
function packagesIn(metafile) {
  const names = Object.keys(metafile.inputs).flatMap((path) => {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    return found ? [found[1]] : [];
  });
  return [...new Set(names)].sort();
}

async function versionOf(name) {
  return JSON.parse(await readFile(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
}

async function licenseOf(name) {
  for (const file of ["LICENSE", "LICENSE.md", "LICENSE.txt"]) {
    const text = await readFile(join(ROOT, "node_modules", name, file), "utf8").catch(() => null);
    if (text !== null) return text.trim();
  }
  return `License: ${JSON.parse(await readFile(join(ROOT, "node_modules", name, "package.json"), "utf8")).license}`;
}

/** One module's bytes and the names of the packages in it. */
async function pack(source) {
  const result = await build({
    stdin: { contents: source, resolveDir: ROOT, sourcefile: "entry.js" },
    absWorkingDir: ROOT,
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    legalComments: "inline",
    metafile: true,
    write: false,
    logLevel: "warning",
    plugins: [leaveOut, stylesByObject],
  });
  return { bytes: result.outputFiles[0].contents, packages: packagesIn(result.metafile) };
}

/** The manifest's entry for a module: what is in it and what it must hash to. */
async function describe({ bytes, packages }) {
  const versions = await Promise.all(packages.map(async (name) => [name, await versionOf(name)]));
  return {
    packages: Object.fromEntries(versions),
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

const packed = await Promise.all(
  Object.entries(MODULES).map(async ([name, source]) => [`${name}.js`, await pack(source)]),
);
await rm(VENDOR, { recursive: true, force: true });
await mkdir(VENDOR, { recursive: true });
const manifest = {};
for (const [file, module] of packed) {
  await writeFile(join(VENDOR, file), module.bytes);
  manifest[file] = await describe(module);
  console.log(`${file} ${manifest[file].bytes} bytes ${manifest[file].sha256}`);
}
const sheet = await readFile(join(ROOT, "node_modules", "uplot", "dist", "uPlot.min.css"));
await writeFile(join(VENDOR, "uplot.css"), sheet);
manifest["uplot.css"] = await describe({ bytes: sheet, packages: ["uplot"] });
const everyPackage = [...new Set(packed.flatMap(([, module]) => module.packages))].sort();
const notices = await Promise.all(everyPackage.map(async (name) => `${name}\n\n${await licenseOf(name)}\n`));
await writeFile(join(VENDOR, "LICENSES.txt"), notices.join("\n----\n\n"));
await writeFile(join(VENDOR, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
