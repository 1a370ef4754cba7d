// SPDX-License-Identifier: Apache-2.0
//
// The map for those without WebGL: the same packets on a flat world.
import { TYPES, TYPE_COLOURS } from "./colours.js";
import { Earth, GLOW, heightOf, startOf, WIDTH } from "./earth.js";

const PACKETS_MAX = 800;
const FLIGHT_MS = 2200;
const TAIL = 0.12;
const REDRAW_MS = 1000;
const BEACON = 5; // points, of the telescope

export class Flat {
  /** @param {HTMLElement} parent @param {import("./world.js").World} world
   * @param {import("./view.js").Context} context */
  constructor(parent, world, context) {
    this.parent = parent;
    this.world = world;
    this.context = context;
    this.earth = new Earth(world);
    this.canvas = document.createElement("canvas");
    this.paper = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    parent.append(this.canvas);
    /** @type {{start: [number, number], time: number, colour: string, height: number}[]} */
    this.flights = [];
    this.take = (/** @type {import("./world.js").Packet} */ packet) => this.takePacket(packet);
    world.watchers.add(this.take);
    this.redrawnAt = -Infinity;
    this.map = document.createElement("canvas");
    this.canvas.addEventListener("pointerup", (event) => {
      const country = this.countryUnder(event);
      if (country) context.choose({ country: country === world.only.country ? null : country });
    });
    this.canvas.addEventListener("pointermove", (event) => context.tell(this.countryUnder(event), event));
    this.canvas.addEventListener("pointerleave", () => context.tell(null));
    this.resize();
  }

  /** @param {import("./world.js").Packet} packet */
  takePacket(packet) {
    const start = startOf(this.world, packet);
    if (!start) return;
    if (this.flights.length >= PACKETS_MAX) this.flights.shift();
    const colour = TYPE_COLOURS[TYPES[packet.type]];
    this.flights.push({ start, time: packet.time, colour, height: heightOf(packet.port) });
  }

  resize() {
    const { clientWidth, clientHeight } = this.parent;
    this.canvas.width = clientWidth;
    this.canvas.height = clientHeight;
    const width = Math.min(clientWidth, clientHeight * 2);
    this.map.width = width;
    this.map.height = width / 2;
    this.redrawnAt = -Infinity;
    this.box = { x: (clientWidth - width) / 2, y: (clientHeight - width / 2) / 2, width };
  }

  /** @param {number} lon @param {number} lat @returns {[number, number]} */
  project(lon, lat) {
    const { x, y, width } = /** @type {NonNullable<Flat["box"]>} */ (this.box);
    return [x + ((lon + 180) / 360) * width, y + ((90 - lat) / 360) * width];
  }

  /** @param {MouseEvent} event */
  countryUnder(event) {
    const { x, y, width } = /** @type {NonNullable<Flat["box"]>} */ (this.box);
    const on = this.canvas.getBoundingClientRect();
    const lon = ((event.clientX - on.left - x) / width) * 360 - 180;
    const lat = 90 - ((event.clientY - on.top - y) / width) * 360;
    return Math.abs(lon) <= 180 && Math.abs(lat) <= 90 ? this.earth.countryAt(lon, lat) : null;
  }

  drawMap() {
    const paper = /** @type {CanvasRenderingContext2D} */ (this.map.getContext("2d"));
    const scale = this.map.width / WIDTH;
    paper.setTransform(scale, 0, 0, scale, 0, 0);
    paper.drawImage(this.earth.canvas, 0, 0);
    this.earth.paths.forEach(({ path }, index) => {
      const glow = this.earth.glow[index + 1];
      if (!glow) return;
      paper.fillStyle = `rgba(${GLOW.join(", ")}, ${glow.toFixed(2)})`;
      paper.fill(path, "evenodd");
    });
  }

  /** @param {number} now ms */
  frame(now) {
    if (now - this.redrawnAt > REDRAW_MS) {
      this.redrawnAt = now;
      this.earth.update();
      this.drawMap();
    }
    const { x, y, width } = /** @type {NonNullable<Flat["box"]>} */ (this.box);
    const place = this.context.live.hello?.place;
    const hub = this.project(place?.longitude ?? 0, place?.latitude ?? 90);
    this.paper.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.paper.drawImage(this.map, x, y);
    this.flights = this.flights.filter(({ time }) => now - time < FLIGHT_MS);
    this.paper.lineWidth = 1.5;
    for (const flight of this.flights) this.drawFlight(flight, hub, now, width);
    this.paper.strokeStyle = "#ffffff";
    this.paper.lineWidth = 2;
    this.paper.beginPath();
    this.paper.arc(...hub, BEACON, 0, 2 * Math.PI);
    this.paper.stroke();
  }

  /** @param {Flat["flights"][number]} flight @param {[number, number]} hub @param {number} now
   * @param {number} width */
  drawFlight({ start, time, colour, height }, hub, now, width) {
    const at = (now - time) / FLIGHT_MS;
    if (at < 0) return;
    const from = this.project(...start);
    const lift = (0.02 + 0.12 * height) * width;
    this.paper.strokeStyle = colour;
    this.paper.beginPath();
    for (let t = Math.max(0, at - TAIL), first = true; ; t = Math.min(at, t + TAIL / 6), first = false) {
      const px = from[0] + (hub[0] - from[0]) * t;
      const py = from[1] + (hub[1] - from[1]) * t - Math.sin(t * Math.PI) * lift;
      if (first) this.paper.moveTo(px, py);
      else this.paper.lineTo(px, py);
      if (t >= at) break;
    }
    this.paper.stroke();
  }

  destroy() {
    this.world.watchers.delete(this.take);
    this.canvas.remove();
  }
}
