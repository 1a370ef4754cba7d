// SPDX-License-Identifier: Apache-2.0
//
// The page: which view is shown, its texts, and the frame loop. #/atlas?country=CN is a view with its state.
import { Atlas } from "./atlas.js";
import { TYPE_COLOURS, TYPE_LABELS } from "./colours.js";
import { Cube } from "./cube.js";
import { Flat } from "./flat.js";
import { getLanguage, number, rate, setLanguage, text } from "./i18n.js";
import { Live } from "./live.js";
import { Sensors } from "./sensors.js";
import { Stats } from "./stats.js";
import { Tiles } from "./tiles.js";
import { element, webgl } from "./view.js";
import { World } from "./world.js";

const VIEWS = ["atlas", "cube", "tiles", "stats", "sensors"];
const WALL_VIEWS = ["atlas", "cube", "tiles"];
const WALL_MS = 30000;
const STATE_MS = 500;
const isWebgl = webgl !== "none";

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** Settings that outlive the page, where storage is allowed. */
const remembered = {
  /** @param {string} name */
  get(name) {
    try {
      return localStorage.getItem(`darkscope-${name}`);
    } catch {
      return null;
    }
  },
  /** @param {string} name @param {string} value */
  set(name, value) {
    try {
      localStorage.setItem(`darkscope-${name}`, value);
    } catch { /* private mode: then not */ }
  },
};

class Page {
  /** @param {import("./world.js").Geography} geography */
  constructor(geography) {
    this.geography = geography;
    this.live = new Live();
    this.world = new World(this.live, geography);
    this.tip = element("div", { className: "tip", hidden: true });
    document.body.append(this.tip);
    /** @type {import("./view.js").View | null} */
    this.view = null;
    this.pausedAt = 0;
    this.context = this.makeContext();
    setLanguage(remembered.get("language") ?? navigator.language.slice(0, 2));
    this.setTheme(remembered.get("theme") ?? "dark");
    this.wire();
    this.show();
    setInterval(() => this.tellState(), STATE_MS);
    requestAnimationFrame((now) => this.frame(now));
  }

  /** @returns {import("./view.js").Context} */
  makeContext() {
    return {
      live: this.live,
      isCalm: matchMedia("(prefers-reduced-motion: reduce)").matches,
      theme: () => (document.documentElement.dataset.theme === "light" ? "light" : "dark"),
      choose: (only) => {
        const parameters = this.address().parameters;
        for (const [name, value] of Object.entries(only)) {
          if (value) parameters.set(name, value);
          else parameters.delete(name);
        }
        this.go(this.address().view, parameters);
      },
      tell: (country, at) => this.tellCountry(country, at),
      countryName: (code) => this.geography.countries.get(code)?.[getLanguage()] ?? code,
      parameters: () => this.address().parameters,
      setParameters: (parameters) => this.go(this.address().view, parameters),
    };
  }

  address() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    return { view: VIEWS.includes(path) ? path : VIEWS[0], parameters: new URLSearchParams(query) };
  }

  /** @param {string} view @param {URLSearchParams} parameters */
  go(view, parameters) {
    const query = parameters.toString();
    location.hash = `/${view}${query ? `?${query}` : ""}`;
  }

  wire() {
    addEventListener("hashchange", () => this.show());
    addEventListener("resize", () => this.view?.resize?.());
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      if (this.wallTimer) this.leaveWall();
      else this.context.choose({ country: null, port: null });
    });
    byId("pause").onclick = () => this.pause(!this.world.isPaused);
    const skip = /** @type {HTMLElement} */ (document.querySelector("[data-text=skip]"));
    skip.onclick = (event) => {
      event.preventDefault(); // the address holds what is shown
      byId("view").focus();
    };
    byId("theme").onclick = () => {
      this.setTheme(this.context.theme() === "dark" ? "light" : "dark");
      this.show();
    };
    byId("wall").onclick = () => (this.wallTimer ? this.leaveWall() : this.enterWall());
    const language = /** @type {HTMLSelectElement} */ (byId("language"));
    language.onchange = () => {
      setLanguage(language.value);
      remembered.set("language", language.value);
      this.show();
    };
    document.addEventListener("fullscreenchange", () => {
      if (!document.fullscreenElement && this.wallTimer) this.leaveWall();
    });
    this.live.addEventListener("hello", () => this.write());
  }

  /** @param {string} theme */
  setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    remembered.set("theme", theme);
  }

  /** What is shown stays as it is, and can be turned. @param {boolean} isPaused */
  pause(isPaused) {
    this.world.isPaused = isPaused;
    this.pausedAt = performance.now();
    this.write();
  }

  enterWall() {
    this.pause(false);
    document.documentElement.requestFullscreen?.().catch(() => {});
    document.body.classList.add("wall");
    let turn = Math.max(0, WALL_VIEWS.indexOf(this.address().view));
    this.go(WALL_VIEWS[turn], new URLSearchParams());
    this.wallTimer = setInterval(() => {
      turn = (turn + 1) % WALL_VIEWS.length;
      this.go(WALL_VIEWS[turn], new URLSearchParams());
    }, WALL_MS);
    this.write();
  }

  leaveWall() {
    clearInterval(this.wallTimer);
    this.wallTimer = undefined;
    document.body.classList.remove("wall");
    if (document.fullscreenElement) document.exitFullscreen();
    this.write();
  }

  /** The texts of the frame around the view. */
  write() {
    const { view } = this.address();
    byId("tabs").ariaLabel = text("views");
    byId("tabs").replaceChildren(...VIEWS.map((name) =>
      element("a", { href: `#/${name}`, ...(name === view ? { "aria-current": "page" } : {}) }, text(name))));
    byId("pause").textContent = text(this.world.isPaused ? "resume" : "pause");
    byId("pause").ariaPressed = String(this.world.isPaused);
    byId("wall").textContent = text(this.wallTimer ? "wallOff" : "wall");
    byId("theme").textContent = text(this.context.theme() === "dark" ? "light" : "dark");
    byId("language").ariaLabel = text("language");
    /** @type {HTMLSelectElement} */ (byId("language")).value = getLanguage();
    const skip = document.querySelector("[data-text=skip]");
    if (skip) skip.textContent = text("skip");
    byId("legend").replaceChildren(...Object.entries(TYPE_COLOURS).map(([name, colour]) => {
      const mark = element("span", { className: "mark" });
      mark.style.background = colour;
      return element("li", {}, mark, TYPE_LABELS[name]);
    }));
    byId("attribution").textContent = this.live.hello?.attribution ?? "";
  }

  show() {
    const { view, parameters } = this.address();
    this.view?.destroy();
    this.tip.hidden = true;
    this.world.only = { country: parameters.get("country"), port: parameters.get("port") };
    this.write();
    const parent = byId("view");
    parent.className = view;
    parent.replaceChildren();
    const makers = /** @type {Record<string, () => import("./view.js").View>} */ ({
      atlas: () => (isWebgl ? new Atlas(parent, this.world, this.context) : new Flat(parent, this.world, this.context)),
      cube: () => new Cube(parent, this.world, this.context),
      tiles: () => new Tiles(parent, this.world, this.context),
      stats: () => new Stats(parent, this.world, this.context),
      sensors: () => new Sensors(parent),
    });
    this.addHelp(parent, view);
    if (view === "cube" && !isWebgl) this.view = { destroy: () => parent.replaceChildren() };
    else this.view = makers[view]();
  }

  /** @param {HTMLElement} parent @param {string} view */
  addHelp(parent, view) {
    const lines = [];
    if (view === "atlas" || view === "cube" || view === "tiles") lines.push(text(`${view}Help`));
    if (!isWebgl && (view === "atlas" || view === "cube")) lines.unshift(text("noWebgl"));
    if (lines.length) parent.append(element("details", { className: "help" }, element("summary", {}, "?"), lines.join(" ")));
    const { country, port } = this.world.only;
    if (view !== "stats" && (country || port)) {
      const what = [country && this.context.countryName(country), port].filter(Boolean).join(", ");
      parent.append(element("p", { className: "only" }, text("only", { what }), " ",
        element("button", { type: "button", onclick: () => this.context.choose({ country: null, port: null }) }, text("all"))));
    }
  }

  /** @param {string | null} country @param {MouseEvent} [at] */
  tellCountry(country, at) {
    this.tip.hidden = !country;
    if (!country || !at) return;
    const packets = this.world.rates.get(country) ?? 0;
    this.tip.textContent = `${this.context.countryName(country)} · ${text("rate", { packets: rate(packets * 0.173) })}`;
    this.tip.style.left = `${Math.min(at.clientX + 14, innerWidth - this.tip.offsetWidth - 8)}px`;
    this.tip.style.top = `${at.clientY + 14}px`;
  }

  tellState() {
    this.world.fade();
    const [key, blanks] = this.live.state();
    byId("state").textContent = text(key, blanks);
    byId("state").className = key;
    const packets = this.world.rate();
    byId("rate").textContent = packets === null ? "" : text("rate", { packets: number(packets) });
  }

  /** @param {number} now ms */
  frame(now) {
    this.view?.frame?.(this.world.isPaused ? this.pausedAt : now);
    requestAnimationFrame((next) => this.frame(next));
  }
}

const map = await (await fetch(new URL("map.json", document.baseURI))).json();
const page = new Page({ shapes: map.shapes, countries: new Map(Object.entries(map.countries)) });
// For tests: what is drawn, and how often.
Object.assign(window, { darkscope: page });
