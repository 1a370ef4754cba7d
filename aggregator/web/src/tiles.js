// SPDX-License-Identifier: Apache-2.0
//
// Small multiples of the busiest sources: what each did in the last seconds.
import { TYPES, TYPE_COLOURS } from "./colours.js";
import { rate, text } from "./i18n.js";
import { element } from "./view.js";
import { sourceName, TILE_SECONDS } from "./world.js";

const TILES_MAX = 24;
const REDRAW_MS = 250;
const WIDTH = 220;
const HEIGHT = 96;
const PORT_BITS = 16;

export class Tiles {
  /** @param {HTMLElement} parent @param {import("./world.js").World} world
   * @param {import("./view.js").Context} context */
  constructor(parent, world, context) {
    this.world = world;
    this.context = context;
    this.list = element("ol", { className: "tiles" });
    parent.append(this.list);
    this.redrawnAt = -Infinity;
    this.scale = Math.min(window.devicePixelRatio, 2);
  }

  /** @param {number} now ms */
  frame(now) {
    if (now - this.redrawnAt < REDRAW_MS) return;
    this.redrawnAt = now;
    const sources = this.world.busiest(TILES_MAX, now);
    while (this.list.children.length > sources.length) this.list.lastChild?.remove();
    while (this.list.children.length < sources.length) this.list.append(this.makeTile());
    sources.forEach((source, i) => this.draw(/** @type {HTMLElement} */ (this.list.children[i]), source, now));
  }

  makeTile() {
    const canvas = element("canvas", { width: WIDTH * this.scale, height: HEIGHT * this.scale, role: "img" });
    return element("li", {}, element("h3"), canvas, element("p"));
  }

  /** @param {HTMLElement} tile @param {import("./world.js").Source} source @param {number} now */
  draw(tile, source, now) {
    const [title, canvas, notes] = /** @type {[HTMLElement, HTMLCanvasElement, HTMLElement]} */ ([...tile.children]);
    title.textContent = `${sourceName(source.source)} · ${this.context.countryName(source.country)}`;
    const device = this.context.live.hello?.devices[source.device];
    const packets = rate(source.weight / TILE_SECONDS);
    notes.textContent = [text("rate", { packets }), device !== "none" && device, ...source.signatures]
      .filter(Boolean).join(" · ");
    canvas.ariaLabel = `${title.textContent}, ${notes.textContent}`;
    const paper = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    paper.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    paper.clearRect(0, 0, WIDTH, HEIGHT);
    for (const { time, type, port } of source.events) {
      const x = (1 - (now - time) / (TILE_SECONDS * 1000)) * WIDTH;
      const y = HEIGHT - 3 - (Math.log2(1 + port) / PORT_BITS) * (HEIGHT - 6);
      paper.fillStyle = TYPE_COLOURS[TYPES[type]];
      paper.fillRect(x - 1, y - 1, 2.5, 2.5);
    }
  }

  destroy() {
    this.list.remove();
  }
}
