// SPDX-License-Identifier: Apache-2.0
//
// The analyst's view: a series of anything, and what is on top. The address bar holds the whole state, so a view can be
// bookmarked and sent.
import { ask } from "./api.js";
import { Chart } from "./chart.js";
import { text } from "./i18n.js";
import { Tables } from "./tables.js";
import { element } from "./view.js";

const PERIODS = /** @type {Record<string, number>} */ ({ lastHour: 3600, lastDay: 86400, lastWeek: 604800, lastMonth: 2592000 });
const STEPS = ["auto", "1m", "5m", "1h", "1d"];
const ZONES = ["UTC", "Asia/Tokyo", Intl.DateTimeFormat().resolvedOptions().timeZone].filter((zone, i, all) => zone && all.indexOf(zone) === i);
const DROPS = ["dropped_kernel", "dropped_interface", "dropped_ring"];
/** Names that narrow a series; those of TYPED are written by hand. */
const FILTERS = ["port", "country", "class", "type", "signature", "sensor"];
const TYPED = new Set(["port", "country", "signature", "sensor"]);
const TYPE_NAMES = ["tcp_syn", "tcp_synack", "tcp_ack", "tcp_push", "tcp_fin", "tcp_rst", "tcp_other", "udp", "icmp", "other"];
const CLASS_NAMES = ["scan", "backscatter", "other"];

/** @param {number} seconds */
const iso = (seconds) => new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19) + "Z";

/** How the hosts of a series are known. @param {any[]} points */
function hostsLabel(points) {
  const watched = points.filter(({ packets }) => packets !== null);
  const isPeakKept = watched.some(({ sources_peak: peak }) => typeof peak === "number");
  if (isPeakKept && !watched.every(({ sources }) => typeof sources === "number")) return "hostsPeak";
  return watched.some(({ sources_error: error }) => error > 0) ? "hostsEstimated" : "hosts";
}

/** Of the packets that came, the part that was not taken; null where nobody watched. @param {any} summary */
function lossOf({ packets }) {
  if (!packets) return null;
  const dropped = DROPS.reduce((sum, name) => sum + (packets[name] ?? 0), 0);
  return dropped / Math.max(1, dropped + packets.received);
}

export class Stats {
  /** @param {HTMLElement} parent @param {import("./world.js").World} world
   * @param {import("./view.js").Context} context */
  constructor(parent, world, context) {
    this.context = context;
    this.form = this.makeForm();
    this.error = element("p", { className: "error", role: "alert" });
    this.figureBox = element("section", { className: "chart" });
    this.root = element("div", { className: "stats" }, this.form, this.error, this.figureBox);
    this.tables = new Tables(this.root, context, (changes) => this.change(changes));
    parent.append(this.root);
    this.chart = new Chart(this.figureBox, (from, to) => this.zoom(from, to));
    this.figureBox.addEventListener("dblclick", () => this.change({ from: null, to: null }));
    this.load();
  }

  /** @param {string} name @param {string[]} values @param {(value: string) => string} [label] */
  makeSelect(name, values, label = (value) => value) {
    const chosen = this.context.parameters().get(name) ?? "";
    return element("select", { name }, ...values.map((value) =>
      element("option", { value, selected: value === chosen }, label(value))));
  }

  makeForm() {
    const parameters = this.context.parameters();
    const label = (/** @type {string} */ name, /** @type {HTMLElement} */ control) =>
      element("label", {}, text(name), control);
    const typed = (/** @type {string} */ name) =>
      element("input", {
        name, value: parameters.get(name) ?? "", autocomplete: "off", spellcheck: false,
        placeholder: name === "port" ? "23/tcp" : name === "country" ? "CN" : text("every"), size: 9,
      });
    const options = /** @type {Record<string, string[]>} */ ({ class: CLASS_NAMES, type: TYPE_NAMES });
    const fields = FILTERS.map((name) =>
      label(name, TYPED.has(name) ? typed(name)
        : this.makeSelect(name, ["", ...options[name]], (value) => value || text("every"))));
    const periods = ["", ...Object.keys(PERIODS), ...(parameters.get("from") ? ["chosen"] : [])];
    const period = this.makeSelect("period", periods, (value) => text(value || "whole"));
    if (parameters.get("from")) /** @type {HTMLSelectElement} */ (period).value = "chosen";
    fields.push(
      label("period", period),
      label("step", this.makeSelect("step", STEPS, (value) => (value === "auto" ? text("auto") : value))),
      label("survey", this.makeSelect("survey", ["", "no", "only"], (value) =>
        text({ "": "surveyAll", no: "surveyNo", only: "surveyOnly" }[value] ?? ""))),
      label("zone", this.makeSelect("tz", ["", ...ZONES.slice(1)], (value) => value || ZONES[0])),
      label("figure", this.makeSelect("figure", ["packets", "hosts", "bytes"], (value) => text(value))),
    );
    const form = /** @type {HTMLFormElement} */ (element("form", {}, ...fields,
      element("button", { type: "submit" }, text("show")),
      element("button", { type: "button", onclick: () => this.saveCsv() }, text("csv")),
      element("button", { type: "button", onclick: (/** @type {Event} */ e) => this.copyLink(e) }, text("link"))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.change({});
    });
    form.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement) this.change({});
    });
    return form;
  }

  /** What the form says, with changes, into the address bar. @param {Record<string, string | null>} changes */
  change(changes) {
    const next = new URLSearchParams();
    const before = this.context.parameters();
    for (const [name, value] of new FormData(this.form)) {
      if (value && value !== "auto" && value !== "chosen" && !(name === "figure" && value === "packets")) next.set(name, String(value));
    }
    const period = /** @type {HTMLSelectElement} */ (this.form.elements.namedItem("period")).value;
    if (period === "chosen") for (const name of ["from", "to"]) next.set(name, before.get(name) ?? "");
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    if (changes.from) next.delete("period");
    this.context.setParameters(next);
  }

  /** @param {number} from @param {number} to seconds */
  zoom(from, to) {
    this.change({ from: iso(from), to: iso(to) });
  }

  /** from and to, as the API wants them: a period is counted from the newest window. @param {any[]} sensors */
  range(sensors) {
    const parameters = this.context.parameters();
    if (parameters.get("from")) return { from: parameters.get("from"), to: parameters.get("to") };
    const seconds = PERIODS[parameters.get("period") ?? ""];
    if (!seconds || !sensors.length) return {};
    const newest = Math.max(...sensors.map(({ end }) => Date.parse(end) / 1000));
    return { from: iso(newest - seconds), to: iso(newest) };
  }

  async load() {
    const cancel = (this.cancel = new AbortController());
    const parameters = this.context.parameters();
    this.error.textContent = "";
    try {
      const { sensors } = await ask("sensors", {}, cancel.signal);
      const tz = parameters.get("tz");
      const common = { ...this.range(sensors), survey: parameters.get("survey"), sensor: parameters.get("sensor"), tz };
      const names = Object.fromEntries(FILTERS.map((name) => [name, parameters.get(name)]));
      const isCell = !names.type && !names.signature;
      const answer = await ask("query", {
        ...names, ...common, survey: isCell ? common.survey : null, step: parameters.get("step"),
      }, cancel.signal);
      this.answer = answer;
      const figure = parameters.get("figure") ?? "packets";
      const what = FILTERS.map((name) => parameters.get(name)).filter(Boolean).join(" ");
      const summary = await ask("summary", { ...common, survey: null, limit: 1 }, cancel.signal);
      const kind = figure === "hosts" ? hostsLabel(answer.points) : figure;
      this.chart.show(answer, kind === "hostsPeak" ? kind : figure, `${text(kind)} ${what}`, lossOf(summary), tz ?? ZONES[0]);
      await this.tables.load(common, { country: names.country, class: names.class }, cancel.signal);
    } catch (error) {
      if (!cancel.signal.aborted) this.error.textContent = text("failed", { why: /** @type {Error} */ (error).message });
    }
  }

  saveCsv() {
    if (!this.answer) return;
    const columns = ["start", "proto", "port", "packets", "floor", "bytes", "sources", "sources_error", "sources_peak",
      "observed_seconds", "coverage"];
    const lines = this.answer.points.map((/** @type {any} */ point) => columns.map((name) => point[name] ?? "").join(","));
    const blob = new Blob([[columns.join(","), ...lines].join("\n") + "\n"], { type: "text/csv" });
    const link = element("a", { href: URL.createObjectURL(blob), download: "darkscope.csv" });
    link.click();
    URL.revokeObjectURL(/** @type {HTMLAnchorElement} */ (link).href);
  }

  /** @param {Event} event */
  async copyLink(event) {
    const button = /** @type {HTMLElement} */ (event.target);
    await navigator.clipboard.writeText(location.href);
    button.textContent = text("copied");
  }

  resize() {
    this.chart.resize();
  }

  destroy() {
    this.cancel?.abort();
    this.chart.destroy();
    this.root.remove();
  }
}
