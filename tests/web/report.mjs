// SPDX-License-Identifier: Apache-2.0
//
// The report's page in headless Chromium: nothing is asked for, axe-core finds nothing serious, no
// text leaves its chart. TAP.
// usage: node report.mjs DARKSCOPE PUT-WINDOWS [SCREENSHOTS]
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(new URL("../../aggregator/web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const AXE = require.resolve("axe-core/axe.min.js");
const [DARKSCOPE, PUT, SCREENSHOTS] = process.argv.slice(2);
const PATIENCE_MS = 120000;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const WIDTHS = [1000, 400];

const where = mkdtempSync(join(tmpdir(), "darkscope-report-"));
process.on("exit", () => rmSync(where, { recursive: true, force: true }));

// Two Januaries, with a gap and a surge.
function makeStore() {
  const lines = [];
  for (const year of [2025, 2026])
    for (let day = 0; day < 31; day++) {
      if (day > 10 && day < 14) continue;
      const packets = 40000 + 500 * day + (day > 24 && day < 27 ? 200000 : 0);
      lines.push(`telescope ${Date.UTC(year, 0, 1 + day) / 1000} 3600 3600 4096 4000 countries-${year} ` +
        `0/6/22/US=${packets / 2}/${packets / 4} 0/6/23/CN=${packets}/0 0/6/443/US=9000/9000 ` +
        `0/17/53/JP=${700 + day}/0 1/6/80/DE=${3000 + day}/0`);
    }
  const store = join(where, "store");
  execFileSync(PUT, [store], { input: lines.join("\n") + "\n", timeout: PATIENCE_MS });
  return store;
}

/** Of the page: what leaves its chart or the page. */
function findOverflow() {
  const wrong = [];
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1)
        wrong.push(`${svg.getAttribute("aria-labelledby")}: ${text.textContent}`);
    }
  }
  if (document.documentElement.scrollWidth > window.innerWidth) wrong.push("the page scrolls sideways");
  return wrong;
}

async function look(browser, store, language) {
  const folder = join(where, language);
  execFileSync(DARKSCOPE, ["report", "--store", store, "--year", "2026", "--month", "1", "--home", "JP",
    "--lang", language, "--output", folder], { timeout: PATIENCE_MS });
  const page = await browser.newPage();
  const asked = [], said = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => said.push(message.text()));
  const problems = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 1200 });
    await page.goto(`file://${folder}/report.html`, { timeout: PATIENCE_MS });
    problems.push(...(await page.evaluate(findOverflow)).map((what) => `${width} px: ${what}`));
    if (SCREENSHOTS) {
      mkdirSync(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(SCREENSHOTS, `report-${language}-${width}.png`), fullPage: true });
    }
  }
  problems.push(...asked.filter((url) => url !== `file://${folder}/report.html`).map((url) => `asked for ${url}`));
  await page.addScriptTag({ path: AXE });
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, impact, nodes } of violations)
    if (impact === "serious" || impact === "critical")
      problems.push(`axe: ${id} (${impact}): ${nodes.slice(0, 3).map((node) => node.html).join(" ")}`);
  if ((await page.pdf({ format: "A4" })).length < 10000) problems.push("prints to next to nothing");
  await page.close();
  return [...problems, ...said];
}

const languages = ["en", "ja"];
console.log(`1..${languages.length}`);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS, timeout: PATIENCE_MS });
const store = makeStore();
for (const [i, language] of languages.entries()) {
  const problems = await look(browser, store, language);
  console.log(`${problems.length ? "not ok" : "ok"} ${i + 1} - ${language}`);
  for (const problem of problems) console.log(`# ${problem.replaceAll("\n", " ")}`);
  if (problems.length) process.exitCode = 1;
}
await browser.close();
