// SPDX-License-Identifier: Apache-2.0
//
// Top tables: ports and countries by packets and by hosts, with their share and how they changed since the period before.
import { ask } from "./api.js";
import { number, percent, signed, text } from "./i18n.js";
import { element } from "./view.js";

const TOP = 10;
/** @type {{title: string, names: {by: string, proto?: string}}[]} */
const GROUPS = [
  { title: "topPortsTcp", names: { by: "ports", proto: "tcp" } },
  { title: "topPortsUdp", names: { by: "ports", proto: "udp" } },
  { title: "topCountries", names: { by: "countries" } },
];
const ORDERS = ["packets", "sources"];

/** @param {string} value @param {string} [className] */
const cell = (value, className = "") => element("td", { className }, value);

/** Hosts as far as they are known: exact, estimated (~) or at least the most in one window (≥).
 * @param {any} row */
function hosts(row) {
  if (row.sources !== null && row.sources !== undefined) return `${row.sources_error > 0 ? "~" : ""}${number(row.sources)}`;
  return row.sources_peak ? `≥${number(row.sources_peak)}` : "–";
}

/** @param {any} row */
const packets = (row) => (row ? `${row.floor ? "≥" : ""}${number(row.packets)}` : "–");

/** @param {any} row @param {string} order @param {any} answer */
function change(row, order, answer) {
  if (!answer.compare?.coverage) return "–";
  if (row.before_rank === null) return text("isNew");
  if (order === "packets") return row.change === null ? "–" : signed(row.change);
  return row.sources && row.before_sources ? signed(row.sources / row.before_sources - 1) : "–";
}

/** @param {any} row @param {any} answer @param {any} all the figures of all packets */
function share(row, answer, all) {
  if (answer.order === "packets") return percent(row.share);
  return row.sources && all?.total?.sources ? percent(Math.min(1, row.sources / all.total.sources)) : "–";
}

export class Tables {
  /** @param {HTMLElement} parent @param {import("./view.js").Context} context
   * @param {(changes: Record<string, string>) => void} choose */
  constructor(parent, context, choose) {
    this.context = context;
    this.choose = choose;
    this.root = element("div", { className: "tables" });
    parent.append(this.root);
  }

  /** @param {Record<string, any>} common @param {Record<string, any>} filter of class and country
   * @param {AbortSignal} signal */
  async load(common, filter, signal) {
    const orders = common.survey ? ORDERS.slice(0, 1) : ORDERS; // windows do not count hosts of parts
    const compare = common.from ? "previous" : null;
    const tables = await Promise.all(GROUPS.flatMap(({ title, names }) => {
      const asked = { ...common, ...filter, ...names, ...(names.by === "countries" ? { country: null } : {}) };
      const all = orders.includes("sources")
        ? ask("query", { ...asked, by: null, step: "auto" }, signal) : Promise.resolve(null);
      return orders.map(async (order) => {
        const question = ask("top", { ...asked, order, compare, limit: TOP }, signal);
        return this.make(title, ...await Promise.all([question, all]));
      });
    }));
    this.root.replaceChildren(...tables, ...(common.survey ? [element("p", {}, text("byHostsOnlyWith"))] : []));
  }

  /** @param {any} row */
  makeName(row) {
    const port = `${row.port}/${row.proto}`;
    const name = row.country ? `${this.context.countryName(row.country)} (${row.country})` : port;
    const link = element("a", {
      href: "#", onclick: (/** @type {Event} */ event) => {
        event.preventDefault();
        this.choose(row.country ? { country: row.country } : { port });
      },
    }, name);
    return element("td", { className: "name" }, link, row.class && row.class !== "scan" ? ` ${row.class}` : "");
  }

  /** @param {string} title @param {any} answer @param {any} all */
  make(title, answer, all) {
    const byHosts = answer.order === "sources";
    const figure = (/** @type {any} */ row) => (byHosts ? hosts(row) : packets(row));
    const rows = answer.rows.map((/** @type {any} */ row) => {
      const changed = change(row, answer.order, answer);
      return element("tr", {}, cell(String(row.rank)), this.makeName(row), cell(figure(row)), cell(share(row, answer, all)),
        cell(changed, changed.startsWith("+") ? "more" : changed.startsWith("−") ? "less" : ""),
        cell(row.before_rank ? String(row.before_rank) : "–"));
    });
    const head = ["rank", answer.by === "countries" ? "country" : "port", byHosts ? "hosts" : "packets", "share", "change", "before"];
    const watched = text("coverageOf", { percent: percent(answer.total.coverage ?? 0) });
    const floors = [...answer.rows, answer.other].some((row) => row?.floor) ? `. ${text("floors")}` : "";
    const before = answer.compare ? `; ${text("beforeOf", { percent: percent(answer.compare.coverage ?? 0) })}` : "";
    const rest = byHosts ? [] : [element("tr", {}, cell(""), element("td", { className: "name" }, text("other")),
      cell(packets(answer.other)), cell(answer.other ? percent(answer.other.share) : "–"), cell(""), cell(""))];
    return element("table", {},
      element("caption", {}, `${text(title)} ${text(byHosts ? "byHosts" : "byPackets")}`),
      element("thead", {}, element("tr", {}, ...head.map((key) => element("th", { scope: "col" }, text(key))))),
      element("tbody", {}, ...rows),
      element("tfoot", {}, ...rest, element("tr", {}, element("td", { colSpan: head.length, className: "name" }, watched + before + floors))));
  }
}
