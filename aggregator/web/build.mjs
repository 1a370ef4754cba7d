// SPDX-License-Identifier: Apache-2.0
//
// Builds what the aggregator serves into a folder: the bundle, the page, and the map.
// usage: node build.mjs OUT
import * as esbuild from "esbuild";
import { mkdirSync, copyFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeMap } from "./map.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
if (!out) {
  console.error("usage: node build.mjs OUT");
  process.exit(2);
}
mkdirSync(out, { recursive: true });
await esbuild.build({
  entryPoints: [join(here, "src/main.js"), join(here, "src/style.css")],
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "linked",
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) copyFileSync(join(here, "src", name), join(out, name));
writeFileSync(join(out, "map.json"), JSON.stringify(makeMap()));
