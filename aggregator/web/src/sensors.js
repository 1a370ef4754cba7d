// SPDX-License-Identifier: Apache-2.0
//
// How the sensors do: the newest window, what was watched, what was lost.
import { ask } from "./api.js";
import { number, percent, text } from "./i18n.js";
import { element } from "./view.js";

const AGAIN_MS = 10000;

export class Sensors {
  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.box = element("div", { className: "stats" });
    parent.append(this.box);
    this.load();
    this.timer = setInterval(() => this.load(), AGAIN_MS);
  }

  async load() {
    try {
      const { sensors } = await ask("sensors");
      const head = ["sensor", "last", "coverage", "received", "dropped", "loss"];
      const rows = sensors.map((/** @type {any} */ s) => {
        const loss = s.dropped / Math.max(1, s.dropped + s.received);
        const cells = [s.sensor, s.end, s.coverage === null ? "–" : percent(s.coverage), number(s.received), number(s.dropped), percent(loss)];
        return element("tr", { className: loss > 0.001 ? "bad" : "" }, ...cells.map((value) => element("td", {}, value)));
      });
      this.box.replaceChildren(element("table", {},
        element("caption", {}, text("sensors")),
        element("thead", {}, element("tr", {}, ...head.map((key) => element("th", { scope: "col" }, text(key))))),
        element("tbody", {}, ...rows)));
    } catch (error) {
      this.box.replaceChildren(element("p", { className: "error", role: "alert" },
        text("failed", { why: /** @type {Error} */ (error).message })));
    }
  }

  destroy() {
    clearInterval(this.timer);
    this.box.remove();
  }
}
