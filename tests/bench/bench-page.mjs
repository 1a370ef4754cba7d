// SPDX-License-Identifier: Apache-2.0
//
// How the page draws, and whether it grows: prints two Markdown tables. The page gets made packets, no aggregator is
// needed. Frames a second are of headless Chromium that draws by software, at 1280x720, with so many packets in flight;
// each view is measured several times, in turn. Growth is the JavaScript heap after garbage collection while an hour's
// samples, as many as one sensor sends, pass through the page as fast as it takes them.
//
// usage: node bench-page.mjs WEB [--rounds N] [--seconds S] [--packets N] [--no-heap] [--no-fps]
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const require = createRequire(new URL("../../aggregator/web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const { values: options, positionals: [WEB] } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" }, seconds: { type: "string", default: "6" },
    packets: { type: "string", default: "1500" }, "no-heap": { type: "boolean" }, "no-fps": { type: "boolean" },
  },
});
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml" };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const HOUR_FRAMES = 3600 * 20, ROWS = 32; // what one sensor sends

if (!WEB) {
  console.error("usage: node bench-page.mjs WEB [--rounds N] [--seconds S] [--packets N] [--no-heap] [--no-fps]");
  process.exit(2);
}
const server = createServer((request, response) => {
  const path = new URL(request.url, "http://x").pathname;
  const name = path === "/" ? "index.html" : path.slice(1);
  try {
    response.setHeader("content-type", TYPES[/\.\w+$/.exec(name)?.[0]] ?? "text/plain");
    response.end(readFileSync(join(WEB, name)));
  } catch {
    response.writeHead(404).end("{}");
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });

async function open(hash) {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  page.setDefaultTimeout(600000);
  page.on("pageerror", (error) => console.error(`bench-page: ${error.message}`));
  await page.goto(url + hash);
  await page.waitForFunction("Boolean(window.darkscope)");
  // Packets as of the feed: sources spread over the world as rates are, some types, ports and destinations.
  await page.evaluate(() => {
    const countries = [...window.darkscope.geography.countries].filter(([, c]) => c.at).map(([code]) => code);
    window.samples = (rows) => {
      const column = (make) => Array.from({ length: rows }, make);
      const random = (n) => Math.floor(Math.random() * n);
      return {
        kind: "samples", sensor: "bench", time_ms: Date.now(), rows, marks: ["mirai"],
        offset_ms: column(() => random(50)), type: column(() => [0, 0, 0, 1, 5, 7, 8][random(7)]), class: column(() => 0),
        device: column(() => 0), proto: column(() => 6), port: column(() => [23, 80, 443, 445, 22, 8080, random(65536)][random(7)]),
        source_port: column(() => random(65536)), destination_port: column(() => random(65536)),
        country: column(() => countries[Math.floor(countries.length * Math.random() ** 3)]),
        source: column(() => random(2 ** 24) * 256), source_id: column(() => random(2 ** 32)),
        position: column(() => random(65536)), signatures: column(() => 0), weight: column(() => 1 + random(9)),
      };
    };
  });
  return page;
}

/** Frames a second, and the packets that were in flight meanwhile. */
function measure(page, seconds, wanted) {
  return page.evaluate(({ seconds, wanted }) => new Promise((resolve) => {
    const { world, view } = window.darkscope;
    const flight_s = 2.2, started = performance.now(), perMs = wanted / (flight_s * 1000);
    const warm_ms = flight_s * 1000 + 5000; // the page finds its pace
    let last = started, due = 0, frames = 0, from = 0;
    const turn = (now) => {
      due += (now - last) * perMs;
      last = now;
      const rows = Math.floor(due);
      due -= rows;
      if (rows > 0) world.takeSamples(window.samples(rows));
      if (now - started > warm_ms) {
        from ||= now;
        frames++;
      }
      if (from && now - from > seconds * 1000) {
        const flying = view.inFlight ? view.inFlight(now) : NaN;
        resolve({ fps: (frames - 1) / ((now - from) / 1000), flying });
      } else requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  }), { seconds, wanted });
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function benchFrames() {
  const views = ["atlas", "cube"], got = { atlas: [], cube: [] }, flying = { atlas: [], cube: [] };
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const view of views) {
      const page = await open(`#/${view}`);
      const result = await measure(page, Number(options.seconds), Number(options.packets));
      got[view].push(result.fps);
      flying[view].push(result.flying);
      await page.context().close();
    }
  }
  console.log("| view | packets in flight | frames/s, median | least | most |\n|---|---:|---:|---:|---:|");
  for (const view of views) {
    console.log(`| ${view} | ${median(flying[view])} | ${median(got[view]).toFixed(0)} | ` +
      `${Math.min(...got[view]).toFixed(0)} | ${Math.max(...got[view]).toFixed(0)} |`);
  }
}

async function benchHeap() {
  console.log("\n| minutes of the feed | heap after collection, MB |\n|---:|---:|");
  const page = await open("#/atlas");
  const session = await page.context().newCDPSession(page);
  const steps = 6;
  for (let step = 0; step <= steps; step++) {
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    console.log(`| ${(step * 60) / steps} | ${(usedSize / 1e6).toFixed(1)} |`);
    if (step === steps) break;
    // Views in turn: what one leaves behind counts, too.
    await page.evaluate((name) => (location.hash = `/${name}`), ["atlas", "cube", "tiles"][step % 3]);
    await page.evaluate(({ frames, rows }) => new Promise((resolve) => {
      let done = 0;
      const turn = () => {
        const until = performance.now() + 200;
        while (done < frames && performance.now() < until) {
          const detail = window.samples(rows);
          window.darkscope.live.dispatchEvent(new CustomEvent("samples", { detail }));
          done++;
        }
        if (done < frames) requestAnimationFrame(turn);
        else resolve(null);
      };
      turn();
    }), { frames: HOUR_FRAMES / steps, rows: ROWS });
  }
}

console.log(`Load average before: ${loadavg()[0].toFixed(1)}\n`);
if (!options["no-fps"]) await benchFrames();
if (!options["no-heap"]) await benchHeap();
console.log(`\nLoad average after: ${loadavg()[0].toFixed(1)}`);
await browser.close();
server.close();
server.closeAllConnections();
