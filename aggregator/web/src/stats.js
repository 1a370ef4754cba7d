// SPDX-License-Identifier: Apache-2.0
//
// The analyst's view: a series of anything, and what is on top. The address bar holds the whole state, so a view can be
// bookmarked and sent.
import { ask } from "./api.js";
import { Chart } from "./chart.js";
import { number, percent, text } from "./i18n.js";
import { element } from "./view.js";

const PERIODS = /** @type {Record<string, number>} */ ({ lastHour: 3600, lastDay: 86400, lastWeek: 604800, lastMonth: 2592000 });
const STEPS = ["auto", "1m", "5m", "1h", "1d"];
const TOP = 10;
/** Names that narrow a series; those of TYPED are written by hand. */
const FILTERS = ["port", "country", "class", "type", "signature", "sensor"];
const TYPED = new Set(["port", "country", "signature", "sensor"]);
const TYPE_NAMES = ["tcp_syn", "tcp_synack", "tcp_ack", "tcp_push", "tcp_fin", "tcp_rst", "tcp_other", "udp", "icmp", "other"];
const CLASS_NAMES = ["scan", "backscatter", "other"];

/** @param {number} seconds */
const iso = (seconds) => new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19) + "Z";

export class Stats {
  /** @param {HTMLElement} parent @param {import("./world.js").World} world
   * @param {import("./view.js").Context} context */
  constructor(parent, world, context) {
    this.context = context;
    this.form = this.makeForm();
    this.error = element("p", { className: "error", role: "alert" });
    this.figureBox = element("section", { className: "chart" });
    this.tables = element("div", { className: "tables" });
    this.root = element("div", { className: "stats" }, this.form, this.error, this.figureBox, this.tables);
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
      const common = { ...this.range(sensors), survey: parameters.get("survey"), sensor: parameters.get("sensor") };
      const names = Object.fromEntries(FILTERS.map((name) => [name, parameters.get(name)]));
      const isCell = !names.type && !names.signature;
      const answer = await ask("query", {
        ...names, ...common, survey: isCell ? common.survey : null, step: parameters.get("step"),
      }, cancel.signal);
      this.answer = answer;
      const figure = parameters.get("figure") ?? "packets";
      const what = FILTERS.map((name) => parameters.get(name)).filter(Boolean).join(" ");
      this.chart.show(answer, figure, `${text(figure === "hosts" ? "hostsPeak" : figure)} ${what}`);
      await this.loadTables(common, parameters.get("country"), cancel.signal);
    } catch (error) {
      if (!cancel.signal.aborted) this.error.textContent = text("failed", { why: /** @type {Error} */ (error).message });
    }
  }

  /** @param {Record<string, any>} common @param {string | null} country @param {AbortSignal} signal */
  async loadTables(common, country, signal) {
    const questions = [
      { title: "topPortsTcp", names: { by: "ports", proto: "tcp", country } },
      { title: "topPortsUdp", names: { by: "ports", proto: "udp", country } },
      { title: "topCountries", names: { by: "countries" } },
    ];
    const answers = await Promise.all(questions.map(({ names }) => ask("top", { ...common, ...names, limit: TOP }, signal)));
    this.tables.replaceChildren(...answers.map((answer, i) => this.makeTable(questions[i].title, answer)));
  }

  /** @param {string} title @param {any} answer */
  makeTable(title, answer) {
    const cell = (/** @type {string} */ value) => element("td", {}, value);
    const figures = (/** @type {any} */ row) => [
      cell(number(row.packets)),
      cell(percent(row.share)),
      cell(row.sources ?? row.sources_peak ? number(row.sources ?? row.sources_peak) : "–"),
    ];
    const rows = answer.rows.map((/** @type {any} */ row) => {
      const name = row.country ?? `${row.port}/${row.proto}`;
      const link = element("a", {
        href: "#", onclick: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.change(row.country ? { country: row.country } : { port: name });
        },
      }, row.country ? `${this.context.countryName(row.country)} (${row.country})` : name);
      return element("tr", {}, cell(String(row.rank)), element("td", {}, link), ...figures(row));
    });
    const head = ["rank", title === "topCountries" ? "country" : "port", "packets", "share", "hostsPeak"];
    return element("table", {},
      element("caption", {}, `${text(title)} ${text("byPackets")}`),
      element("thead", {}, element("tr", {}, ...head.map((key) => element("th", { scope: "col" }, text(key))))),
      element("tbody", {}, ...rows),
      element("tfoot", {}, element("tr", {}, cell(""), cell(text("other")), cell(number(answer.other?.packets ?? 0)),
        cell(percent(answer.other?.share ?? 0)), cell(text("coverageOf", { percent: percent(answer.total.coverage ?? 0) })))));
  }

  saveCsv() {
    if (!this.answer) return;
    const columns = ["start", "packets", "bytes", "sources", "sources_peak", "observed_seconds", "coverage"];
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
