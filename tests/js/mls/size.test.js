// What a browser loads of the library for rooms: under 30 KB, compressed, without libsodium.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const FOLDER = fileURLToPath(new URL("../../../static/js/mls/", import.meta.url));
/** What the app asks of it. */
const DOORS = ["errors", "group", "key_package", "labels", "member", "profile", "suite", "validity"];
const LIMIT = 30_000;

/** All of the doors in one file without comments and long names; what lies outside the folder is not in it. */
async function packed() {
  const outside = {
    name: "outside",
    setup(builder) {
      builder.onResolve({ filter: /^\.\.\// }, ({ path, importer }) =>
        importer.startsWith(FOLDER) ? { path, external: true } : null,
      );
    },
  };
  const contents = DOORS.map((door) => `export * from "./${door}.js";`).join("\n");
  const result = await build({
    stdin: { contents, resolveDir: FOLDER },
    bundle: true,
    format: "esm",
    minify: true,
    metafile: true,
    write: false,
    plugins: [outside],
  });
  return { bytes: result.outputFiles[0].contents, files: Object.keys(result.metafile.inputs) };
}

test("the library is under 30 KB compressed, without libsodium", async () => {
  const { bytes } = await packed();

  assert.ok(gzipSync(bytes, { level: 9 }).length < LIMIT);
});

test("nothing that only vectors need is in it", async () => {
  const { files } = await packed();

  assert.ok(files.some((file) => file.endsWith("mls/tree_kem.js")));
  assert.deepEqual(
    files.filter((file) => /vectors|vector_suites|_elliptic/.test(file)),
    [],
  );
});
