// SPDX-License-Identifier: Apache-2.0
//
// The page in headless Chromium, with an aggregator and a sensor that replays a capture. TAP.
// usage: node page.mjs SENSOR AGGREGATOR WEB CAPTURE COUNTRIES [SCREENSHOTS]
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(new URL("../../aggregator/web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const [SENSOR, AGGREGATOR, WEB, CAPTURE, COUNTRIES, SCREENSHOTS] = process.argv.slice(2);
const PATIENCE_MS = 120000; // drawing by software on a busy machine
const CHROMIUM = "/usr/bin/chromium";
// Software drawing, and nothing but the page: no look-ups, no updates.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

const where = mkdtempSync(join(tmpdir(), "darkscope-web-"));
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(where, { recursive: true, force: true });
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(1));

function start(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  child.log = "";
  child.stderr.on("data", (text) => (child.log += text));
  running.add(child);
  child.on("exit", () => running.delete(child));
  return child;
}

async function until(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @param {string} http address and port; port 0: any */
async function startAggregator(http) {
  const config = join(where, "aggregator.yaml");
  writeFileSync(config, `live:
  listen: ipc://${where}/live
  attribution: Countries of a test
  place: {name: Tokyo, latitude: 35.7, longitude: 139.7}
`);
  const child = start(AGGREGATOR, ["-c", config, "--listen", `ipc://${where}/windows`, "--http", http,
    "--store", join(where, "store"), "--web", WEB]);
  const [, url] = await until("the aggregator listens", () => /listening \S+, (http:\S+)/.exec(child.log));
  return { child, url };
}

function startSensor(name, speed, ...more) {
  return start(SENSOR, ["-r", CAPTURE, "--speed", speed, "--monitor", "198.18.0.0/21", "--country-db", COUNTRIES,
    "--name", name, "--live", `ipc://${where}/live`, ...more]);
}

/** The capture again and again, for as long as the tests take. */
function replay() {
  startSensor("slow", "3", "--json").on("exit", replay);
}

let number = 0, failures = 0;
async function test(name, run) {
  number++;
  try {
    await run();
    console.log(`ok ${number} - ${name}`);
  } catch (error) {
    failures++;
    console.log(`not ok ${number} - ${name}`);
    for (const line of String(error.stack ?? error).split("\n")) console.log(`# ${line}`);
  }
}

function check(condition, what) {
  if (!condition) throw new Error(what);
}

async function main() {
  const { child, url } = await startAggregator("127.0.0.1:0");
  let aggregator = child;
  // All windows at once, for the tables; then slowly, for the pictures.
  const whole = startSensor("whole", "100000", "--aggregator", `ipc://${where}/windows`);
  await until("the capture is stored", () => whole.exitCode !== null);
  check(whole.exitCode === 0, whole.log);
  replay();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const complaints = [], strangers = [];
  const open = async (hash, options = {}) => {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 720 }, ...options })).newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (r) => new URL(r.url()).host !== new URL(url).host && strangers.push(r.url()));
    await page.goto(`${url}/${hash}`);
    await until("the page has started", () => page.evaluate("Boolean(window.darkscope)"));
    return page;
  };
  const picture = async (page, name) => {
    if (SCREENSHOTS) {
      mkdirSync(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
    }
  };
  const seen = (page, expression) => until(expression, () => page.evaluate(expression));

  await test("the atlas draws packets as they come", async () => {
    const page = await open("#/atlas");
    await seen(page, "darkscope.view?.flights?.count > 50");
    await seen(page, "darkscope.world.rate() > 0 && document.querySelector('#rate').textContent !== ''");
    await seen(page, "document.querySelector('#state').className === 'live'");
    check(await page.textContent("#attribution") === "Countries of a test", "no attribution");
    await picture(page, "atlas");
    await page.context().close();
  });

  await test("a country can be chosen, and left", async () => {
    const page = await open("#/atlas?country=US");
    await seen(page, "darkscope.view?.flights?.count > 5");
    check(await page.textContent(".only").then((t) => t.includes("United States")), "the choice is not shown");
    await page.keyboard.press("Escape");
    await seen(page, "!location.hash.includes('US')");
    await page.context().close();
  });

  await test("the cube marks where packets arrive", async () => {
    const page = await open("#/cube");
    await seen(page, "darkscope.view?.marks?.next > 100");
    await picture(page, "cube");
    await page.context().close();
  });

  await test("tiles show the busiest sources, without their last octet", async () => {
    const page = await open("#/tiles");
    await seen(page, "document.querySelectorAll('ol.tiles li').length >= 12");
    const titles = await page.$$eval("ol.tiles h3", (all) => all.map((h) => h.textContent));
    check(titles.every((t) => /^(\d+\.\d+\.\d+\.x|IPv6) · /.test(t)), titles.join("; "));
    await picture(page, "tiles");
    await page.context().close();
  });

  await test("stats hold their state in the address", async () => {
    const page = await open("#/stats");
    await seen(page, "document.querySelectorAll('.tables table').length === 3 && document.querySelector('.uplot')");
    check(await page.textContent(".tables tbody tr td:nth-child(2)") === "23/tcp", "23/tcp is not first");
    await page.click(".tables tbody tr td:nth-child(2) a");
    await seen(page, "location.hash.includes('port=23%2Ftcp')");
    await seen(page, "document.querySelector('[name=port]')?.value === '23/tcp' && document.querySelector('.uplot')");
    await picture(page, "stats");
    const again = await open(new URL(page.url()).hash);
    await seen(again, "document.querySelector('.chart')?.textContent.includes('23/tcp')");
    const [download] = await Promise.all([again.waitForEvent("download"), again.click("text=Download CSV")]);
    check(download.suggestedFilename() === "darkscope.csv", download.suggestedFilename());
    await again.fill("[name=port]", "nonsense");
    await again.click("text=Show");
    await seen(again, "document.querySelector('.error').textContent !== ''");
    complaints.splice(0, Infinity, ...complaints.filter((c) => !c.includes("400"))); // that was asked for
    await page.context().close();
    await again.context().close();
  });

  await test("Japanese, the light dress, and a phone", async () => {
    const page = await open("#/atlas", { viewport: { width: 390, height: 780 } });
    await page.selectOption("#language", "ja");
    await seen(page, "document.documentElement.lang === 'ja' && document.querySelector('nav').textContent.includes('アトラス')");
    await page.click("#theme");
    await seen(page, "document.documentElement.dataset.theme === 'light'");
    for (const view of ["atlas", "cube", "tiles", "stats", "sensors"]) {
      await page.evaluate((name) => (location.hash = `/${name}`), view);
      await seen(page, `document.querySelector('main').className === '${view}'`);
      const wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      check(wide <= 0, `${view} is ${wide} points wider than the phone`);
      await picture(page, `phone-${view}`);
    }
    await page.context().close();
  });

  await test("who wants no motion gets a globe that does not turn by itself", async () => {
    const page = await open("#/atlas", { reducedMotion: "reduce" });
    await seen(page, "darkscope.view?.controls");
    check(await page.evaluate("!darkscope.view.controls.autoRotate && !darkscope.view.controls.enableDamping"), "it turns");
    await page.context().close();
  });

  await test("it says that the connection is lost, and comes back", async () => {
    const page = await open("#/atlas");
    await seen(page, "document.querySelector('#state').className === 'live'");
    aggregator.kill("SIGTERM");
    await seen(page, "document.querySelector('#state').className === 'lost'");
    ({ child: aggregator } = await startAggregator(new URL(url).host));
    await seen(page, "['live', 'quiet', 'old'].includes(document.querySelector('#state').className)");
    complaints.splice(0, Infinity, ...complaints.filter((c) => !/WebSocket|ERR_CONNECTION/.test(c)));
    await page.context().close();
  });

  await test("nothing is fetched from elsewhere, and nothing is complained of", async () => {
    check(strangers.length === 0, strangers.join("; "));
    const real = complaints.filter((c) => !c.includes("GL Driver"));
    check(real.length === 0, real.join("; "));
  });

  await browser.close();
  console.log(`1..${number}`);
  process.exit(failures ? 1 : 0);
}

main().catch((error) => {
  console.log(`Bail out! ${error.stack ?? error}`);
  process.exit(1);
});
