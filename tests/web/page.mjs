// SPDX-License-Identifier: Apache-2.0
//
// The page in headless Chromium, with an aggregator and a sensor that replays a capture. TAP.
// usage: node page.mjs GENERATOR SENSOR AGGREGATOR WEB CAPTURE COUNTRIES [SCREENSHOTS]
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { makePcap } from "./pcap.mjs";

const require = createRequire(new URL("../../aggregator/web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const [GENERATOR, SENSOR, AGGREGATOR, WEB, CAPTURE, COUNTRIES, SCREENSHOTS] = process.argv.slice(2);
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

const MONITORED = "198.18.0.0/21";
const TOKEN = "a-token-of-the-test-0123456789+/=";
const OUTPUT_MAX = 1 << 28;
const LOAD_MAX = 500000; // bytes of the page, compressed

/** @param {string} http address and port; port 0: any @param {string} [name] of its store and endpoints
 * @param {string} [more] of its configuration */
async function startAggregator(http, name = "live", more = "") {
  const config = join(where, `${name}.yaml`);
  writeFileSync(config, `${more}live:
  listen: ipc://${where}/${name}
  attribution: Countries of a test
  place: {name: Tokyo, latitude: 35.7, longitude: 139.7}
`);
  const child = start(AGGREGATOR, ["-c", config, "--listen", `ipc://${where}/${name}-windows`, "--http", http,
    "--store", join(where, `${name}-store`), "--web", WEB]);
  const [, url] = await until("the aggregator listens", () => /listening \S+, (http:\S+)/.exec(child.log));
  return { child, url };
}

function startSensor(name, speed, ...more) {
  return start(SENSOR, ["-r", CAPTURE, "--speed", speed, "--monitor", MONITORED, "--country-db", COUNTRIES,
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

/** The tables' figures against the API's, and these against what the sensor counted. */
async function checkFigures(page, url) {
  const ask = async (question) => (await fetch(`${url}/api/v1/${question}`)).json();
  const shown = await page.$$eval(".tables table", (tables) => tables.map((table) =>
    [...table.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent))));
  const groups = ["by=ports&proto=tcp", "by=ports&proto=udp", "by=countries"];
  const orders = ["packets", "sources"];
  for (const [i, rows] of shown.entries()) {
    const order = orders[i % 2], answer = await ask(`top?${groups[Math.floor(i / 2)]}&order=${order}&limit=10`);
    check(rows.length === answer.rows.length && rows.length > 0, `table ${i} has ${rows.length} rows`);
    rows.forEach((cells, at) => {
      const row = answer.rows[at], figure = order === "packets" ? row.packets : row.sources ?? row.sources_peak;
      check(Number(cells[2].replace(/[^0-9]/g, "")) === figure, `table ${i}, row ${at}: ${cells} is not ${figure}`);
    });
  }
  const truth = JSON.parse(execFileSync(SENSOR, ["-r", CAPTURE, "--json", "--window", "all", "--monitor", MONITORED],
    { maxBuffer: OUTPUT_MAX }).toString());
  const { total } = await ask("top?by=countries");
  check(total.packets === truth.packets.counted, `${total.packets} stored, ${truth.packets.counted} in the capture`);
}

/** What a person without a mouse, or without eyes, needs: a name for everything that can be used. */
function nameless(page) {
  return page.evaluate(() => {
    const named = (element) => element.ariaLabel || element.labels?.length || element.textContent?.trim() || element.title;
    const bad = [...document.querySelectorAll("button, a[href], input, select, canvas[role], nav, dialog")].filter((e) => !named(e));
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    return [...bad.map((e) => e.outerHTML.slice(0, 80)), ...ids.filter((id, i) => ids.indexOf(id) !== i)];
  });
}

/** Contrast of text by WCAG 2. */
function contrasts(page) {
  return page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    const light = (name) => {
      const [r, g, b] = [1, 3, 5].map((i) => parseInt(style.getPropertyValue(name).trim().slice(i, i + 2), 16) / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const bad = [];
    for (const ink of ["--ink", "--quiet", "--accent", "--more", "--less"]) {
      for (const ground of ["--ground", "--panel"]) {
        const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${ink} on ${ground}`);
      }
    }
    return bad;
  });
}

async function main() {
  const { child, url } = await startAggregator("127.0.0.1:0");
  let aggregator = child;
  // All windows at once, for the tables; then slowly, for the pictures.
  const whole = startSensor("whole", "100000", "--aggregator", `ipc://${where}/live-windows`);
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

  await test("a country is picked with the pointer, shown alone, and left", async () => {
    const page = await open("#/atlas");
    await seen(page, "darkscope.view?.flights?.count > 5");
    await page.evaluate("darkscope.view.controls.autoRotate = false");
    const at = await page.evaluate(() => {
      const { view } = window.darkscope, box = view.canvas.getBoundingClientRect();
      view.camera.position.set(0, 1.2, 3); // Africa in front
      view.controls.update();
      view.camera.updateMatrixWorld();
      const lon = (18.5 * Math.PI) / 180, lat = (15.5 * Math.PI) / 180; // Chad
      const seen = view.hub.clone().set(Math.cos(lat) * Math.sin(lon), Math.sin(lat), Math.cos(lat) * Math.cos(lon)).project(view.camera);
      return { x: box.left + ((seen.x + 1) / 2) * box.width, y: box.top + ((1 - seen.y) / 2) * box.height };
    });
    await page.mouse.move(at.x, at.y);
    await seen(page, "document.querySelector('.tip').textContent.startsWith('Chad')");
    await page.mouse.click(at.x, at.y);
    await seen(page, "location.hash.includes('country=TD')");
    check(await page.textContent(".only").then((t) => t.includes("Chad")), "the choice is not shown");
    await page.evaluate("location.hash = '/atlas?country=US'");
    await seen(page, "darkscope.view?.flights?.count > 5");
    await page.keyboard.press("Escape");
    await seen(page, "!location.hash.includes('US')");
    await page.context().close();
  });

  await test("the globe is zoomed and turned, with the wheel and with keys", async () => {
    const page = await open("#/atlas", { reducedMotion: "reduce" });
    const distance = () => page.evaluate("darkscope.view.camera.position.length()");
    const before = await distance();
    await page.mouse.move(640, 360);
    await page.mouse.wheel(0, -300);
    await until("the wheel zooms", async () => (await distance()) < before - 0.05);
    await page.focus("main canvas");
    const near = await distance(), x = await page.evaluate("darkscope.view.camera.position.x");
    await page.keyboard.press("-");
    await until("a key zooms", async () => (await distance()) > near + 0.05);
    await page.keyboard.press("ArrowRight");
    await until("a key turns", async () => Math.abs((await page.evaluate("darkscope.view.camera.position.x")) - x) > 0.01);
    await page.context().close();
  });

  await test("a pause stops what is shown, and ends", async () => {
    const page = await open("#/cube");
    await seen(page, "darkscope.view?.marks?.next > 20");
    await page.click("#pause");
    const [marks, pulse] = await page.evaluate("[darkscope.view.marks.next, darkscope.live.newestAt]");
    await seen(page, `darkscope.live.newestAt > ${pulse} + 1500`); // meanwhile packets came
    check(await page.evaluate("darkscope.view.marks.next") === marks, "packets are drawn in a pause");
    check(await page.getAttribute("#pause", "aria-pressed") === "true", "the button does not say so");
    // Another view is drawn as of the pause.
    await page.evaluate("location.hash = '/tiles'");
    await seen(page, "document.querySelectorAll('ol.tiles li').length > 5");
    check(await page.$$eval("ol.tiles p", (all) => all.every((p) => !/^0(\.0)? /.test(p.textContent))), "a source of 0 packets/s");
    await page.evaluate("location.hash = '/cube'");
    await seen(page, "darkscope.view?.marks");
    check(await page.evaluate("darkscope.view.marks.next") === 0, "packets are drawn in a pause");
    await page.click("#pause");
    await seen(page, "darkscope.view.marks.next > 0");
    await page.context().close();
  });

  await test("rates are of what is heard now", async () => {
    const page = await open("#/tiles");
    await seen(page, "document.querySelector('#state').className === 'live'");
    const found = await page.evaluate(() => {
      const { world, live } = window.darkscope, now = performance.now();
      world.pulses.set("dead", { packets: 1e9, at: now - 6000 });
      const rate = world.rate();
      // One source with a hundred packets a second: more than its tile has room for.
      for (let i = 0; i < 3000; i++) world.noteSource({ time: now - 29500 + i * 9.8, type: 0, class: 0, device: 0, proto: 6,
        port: 23, sourcePort: 1, destinationPort: 23, country: "CN", source: 0x01020300, sourceId: -7, position: 0, signatures: [], weight: 1 });
      const [busiest] = world.busiest(1, now), weight = busiest.weight;
      const later = world.busiest(1e9, now + 20000).find(({ id }) => id === -7)?.weight ?? 0;
      live.noteSkipped(3);
      const states = [live.state()[0]];
      live.skippedAt -= 31000;
      states.push(live.state()[0]);
      return { rate, id: busiest.id, weight, later, states };
    });
    check(found.rate < 1e9, "a sensor that is gone is counted");
    check(found.id === -7 && found.weight === 3000, `${found.weight} of 3000 packets in 30 s`);
    check(found.later > 500 && found.later < 1200, `${found.later} packets in the last 10 of 30 s`);
    check(found.states.join() === "skipped,live", `states ${found.states}`);
    await page.context().close();
  });

  await test("a wave of Mirai flies from its countries, in its colour, as high as its port", async () => {
    const wave = join(where, "wave.pcap");
    execFileSync(GENERATOR, ["-o", wave, "--mix", "mirai=1", "--prefix", MONITORED, "--rate", "200", "--duration", "60s",
      "--country-db", COUNTRIES, "--seed", "3"]);
    const truth = JSON.parse(execFileSync(SENSOR, ["-r", wave, "--json", "--window", "all", "--monitor", MONITORED,
      "--country-db", COUNTRIES], { maxBuffer: OUTPUT_MAX }).toString());
    const page = await open("#/atlas");
    await page.evaluate(() => {
      window.wave = [];
      let taken = [];
      window.darkscope.world.watchers.add((packet) => packet.signatures.includes("mirai") && taken.push(packet));
      // The page has taken a message's packets when this is called: those of another sensor are none of the wave.
      window.darkscope.live.addEventListener("samples", ({ detail }) => {
        if (detail.sensor === "wave") window.wave.push(...taken);
        taken = [];
      });
    });
    const sensor = startSensor("wave", "2", "-r", wave, "--json");
    await seen(page, "window.wave.length > 300");
    const found = await page.evaluate(() => {
      const { view, geography } = window.darkscope, { flight, from, colour, count } = view.flights, bad = [];
      const counted = {}, points = flight.count / 4096;
      let matched = 0;
      for (const packet of window.wave.slice(-30)) {
        counted[packet.country] = (counted[packet.country] ?? 0) + 1;
        const height = Math.log2(1 + packet.port) / 16, at = geography.countries.get(packet.country)?.at;
        for (let i = 0; i < count && at; i++) {
          const p = i * points;
          if (Math.abs(flight.getX(p) - packet.time / 1000) > 1e-3 || Math.abs(flight.getY(p) - height) > 1e-5) continue;
          const lat = (Math.asin(from.getY(p)) * 180) / Math.PI, lon = (Math.atan2(from.getX(p), from.getZ(p)) * 180) / Math.PI;
          const far = Math.max(Math.abs(lat - at[1]), Math.abs(((lon - at[0] + 540) % 360) - 180));
          const ink = [0, 1, 2].map((c) => Math.round(colour.array[p * 3 + c] * 255));
          if (far > 1.7 || String(ink) !== "86,180,233") continue; // SYN: #56b4e9
          matched++;
          break;
        }
      }
      for (const { port, proto, type } of window.wave) if (![23, 2323].includes(port) || proto !== 6 || type !== 0) bad.push(port);
      return { matched, bad, counted, countries: [...new Set(window.wave.map((p) => p.country))] };
    });
    const known = new Set(truth.countries.map(({ country }) => country));
    check(found.bad.length === 0, `other packets with the mark: ${found.bad}`);
    check(found.countries.every((c) => known.has(c)) && found.countries.length > 1, `countries ${found.countries}`);
    check(found.matched > 20, `only ${found.matched} of the last 30 fly as they should`);
    await picture(page, "wave");
    sensor.kill("SIGKILL");
    await page.context().close();
  });

  await test("the cube marks where packets arrive", async () => {
    const page = await open("#/cube");
    await seen(page, "darkscope.view?.marks?.next > 100");
    await picture(page, "cube");
    await page.context().close();
  });

  await test("a vertical scan is a line in the cube", async () => {
    const scan = join(where, "scan.pcap"), PORTS = 3000;
    writeFileSync(scan, makePcap(Array.from({ length: PORTS }, (_, i) => (
      { time: 1.8e9 + i / 150, from: "192.0.2.77", to: "198.18.3.9", port: 1 + i * 21 }))));
    const page = await open("#/cube");
    const sensor = startSensor("scan", "1", "-r", scan, "--json");
    const line = () => page.evaluate(() => {
      const { from, to, start } = window.darkscope.view.marks, height = ((0xc00002 / 0xffffff) * 2 - 1);
      const marks = [];
      for (let i = 0; i < start.count; i++) {
        if (start.getX(i) > 0 && Math.abs(from.getY(i) - height) < 1e-6) marks.push([to.getX(i), to.getY(i), to.getZ(i)]);
      }
      return marks;
    });
    const marks = await until("the scan is there", async () => {
      const got = await line();
      return got.length > 800 && got;
    });
    check(marks.every(([x, y]) => x === 1 && y === marks[0][1]), "it is not at one address of the telescope's plane");
    const depths = marks.map(([, , z]) => z), steps = new Set(depths.map((z) => Math.round(((1 - z) / 2) * 65536)));
    check(Math.max(...depths) - Math.min(...depths) > 0.4, "it is short");
    check([...steps].every((port) => port % 21 === 1), "its marks are not at the ports of the scan");
    await picture(page, "scan");
    sensor.kill("SIGKILL");
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
    await seen(page, "document.querySelectorAll('.tables table').length === 6 && document.querySelector('.uplot')");
    check(await page.textContent(".tables tbody tr td:nth-child(2)") === "23/tcp", "23/tcp is not first");
    await checkFigures(page, url);
    await page.click(".tables tbody tr td:nth-child(2) a");
    await seen(page, "location.hash.includes('port=23%2Ftcp')");
    await seen(page, "document.querySelector('[name=port]')?.value === '23/tcp' && document.querySelector('.uplot')");
    await picture(page, "stats");
    await seen(page, "document.querySelectorAll('.tables table').length === 6");
    await page.evaluate("document.querySelector('.tables').scrollIntoView()");
    await picture(page, "tables");
    await page.fill("[name=port]", "23/tcp,22/tcp");
    await page.click("text=Show");
    await seen(page, "document.querySelectorAll('.u-legend .u-series').length === 4"); // time, both ports, coverage
    check(await page.evaluate(() => {
      const [times, ...lines] = window.darkscope.view.chart.plot.data;
      return times.every((at, i) => !i || at > times[i - 1]) && lines.every(({ length }) => length === times.length);
    }), "the ports are no lines of their own");
    await picture(page, "ports");
    const inks = await page.evaluate(async () => {
      const { chart } = window.darkscope.view, hours = [1, 0, 1]; // nobody watched in the second
      chart.show({ points: hours.map((coverage, i) => ({ start: `2026-01-01T0${i}:00:00Z`, packets: coverage || null, coverage })),
        to: "2026-01-01T03:00:00Z" }, "packets", "x", 0, "UTC");
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const { plot } = chart, day = Date.parse("2026-01-01") / 1000;
      return hours.map((_, i) => plot.ctx.getImageData(plot.valToPos(day + i * 3600 + 1000, "x", true), plot.bbox.top + 3, 1, 1).data[3]);
    });
    check(inks[1] > 0 && inks[0] === 0 && inks[2] === 0, `shades ${inks}`);
    await page.fill("[name=port]", "23/tcp");
    await page.click("text=Show");
    await seen(page, "location.hash.includes('port=23%2Ftcp') && document.querySelectorAll('.u-legend .u-series').length === 3");
    await page.selectOption("[name=tz]", "Asia/Tokyo");
    await seen(page, "location.hash.includes('tz=Asia%2FTokyo') && document.querySelector('.u-legend')?.textContent.includes('Asia/Tokyo')");
    await page.selectOption("[name=survey]", "no");
    await seen(page, "document.querySelectorAll('.tables table').length === 3 && document.querySelector('.tables p')");
    await page.selectOption("[name=survey]", "");
    await seen(page, "document.querySelectorAll('.tables table').length === 6 && document.querySelector('.u-over')");
    const chart = await page.locator(".u-over").boundingBox();
    await page.mouse.move(chart.x + chart.width * 0.3, chart.y + 50);
    await page.mouse.down();
    await page.mouse.move(chart.x + chart.width * 0.7, chart.y + 50, { steps: 5 });
    await page.mouse.up();
    await seen(page, "location.hash.includes('from=')");
    await seen(page, "document.querySelectorAll('.tables table').length === 6 && document.querySelector('tfoot')?.textContent.includes('before')");
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

  await test("everything has a name, is reached by keys, and can be read", async () => {
    const page = await open("#/stats");
    await seen(page, "document.querySelectorAll('.tables table').length === 6");
    for (const view of ["atlas", "cube", "tiles", "stats", "sensors"]) {
      await page.evaluate((name) => (location.hash = `/${name}`), view);
      await seen(page, `document.querySelector('main').className === '${view}'`);
      const bad = await nameless(page);
      check(bad.length === 0, `${view}: ${bad}`);
    }
    for (const theme of ["dark", "light"]) {
      await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
      const bad = await contrasts(page);
      check(bad.length === 0, `${theme}: ${bad}`);
    }
    await page.evaluate("document.activeElement?.blur()");
    const reached = new Set();
    for (let i = 0; i < 14; i++) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate("document.activeElement.id || document.activeElement.textContent"));
    }
    for (const what of ["Cube", "Stats", "pause", "wall", "theme", "language"]) check(reached.has(what), `Tab does not reach ${what}`);
    await page.focus(".skip");
    await page.keyboard.press("Enter");
    check(await page.evaluate("document.activeElement.id === 'view' && location.hash === '#/sensors'"), "the way to the view leads elsewhere");
    await page.context().close();
  });

  await test("without WebGL there is a flat map", async () => {
    const other = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, "--disable-3d-apis"] });
    const page = await (await other.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(`${url}/#/atlas`);
    await seen(page, "window.darkscope?.view?.flights?.length > 20");
    check(await page.textContent("summary").then((t) => t === "?"), "no help");
    await picture(page, "flat");
    await other.close();
  });

  await test("where a token is wanted it is asked for, and shown to all", async () => {
    const path = join(where, "token");
    writeFileSync(path, TOKEN, { mode: 0o600 });
    const guarded = await startAggregator("127.0.0.1:0", "guarded", `http:\n  token_file: ${path}\n`);
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const addresses = [];
    page.on("request", (r) => addresses.push(r.url()));
    page.on("websocket", (w) => addresses.push(w.url()));
    await page.goto(`${guarded.url}/#/stats`);
    await page.fill("dialog input", "not the token");
    await page.keyboard.press("Enter");
    await seen(page, "document.querySelector('dialog .error')?.textContent");
    await page.fill("dialog input", "a\u2013b");
    await page.keyboard.press("Enter");
    await seen(page, "document.querySelector('dialog .error')?.textContent.includes('ASCII')");
    for (let i = 0; i < 3; i++) await page.keyboard.press("Escape");
    await seen(page, "document.querySelector('dialog').open");
    await page.fill("dialog input", TOKEN);
    await page.keyboard.press("Enter");
    await seen(page, "darkscope.live.hello !== null && !document.querySelector('dialog')");
    await page.reload();
    await seen(page, "window.darkscope?.live.hello");
    check(!(await page.$("dialog")), "it is asked for again");
    check(!addresses.some((a) => a.includes(encodeURIComponent(TOKEN)) || a.includes(TOKEN)), "it is in an address");
    check(!guarded.child.log.includes(TOKEN), "it is in the log");
    await page.context().close();
    guarded.child.kill("SIGTERM");
  });

  await test("the page is small", async () => {
    const sizes = readdirSync(WEB).filter((name) => /\.(html|js|css|json|svg)$/.test(name))
      .map((name) => gzipSync(readFileSync(join(WEB, name))).length);
    const sum = sizes.reduce((a, b) => a + b, 0);
    console.log(`# ${sum} bytes compressed`);
    check(sizes.length >= 5 && sum <= LOAD_MAX, `${sum} bytes compressed`);
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
    aggregator.kill("SIGKILL");
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
