// SPDX-License-Identifier: Apache-2.0
//
// The map of the world on a canvas, plate carrée: countries glow with their rate. The globe wears it as its skin, the
// flat map shows it as it is. Also tells which country is at a place.

export const WIDTH = 2048;
const HEIGHT = WIDTH / 2;

// Dark whatever the page is: packets are bright.
const SEA = "#0a1420";
const LAND = "#182838";
const LINE = "#3a5874";
export const GLOW = /** @type {[number, number, number]} */ ([86, 180, 233]);
const GLOW_MIN = 0.08; // of a country with any packet
const GLOW_MAX = 0.42; // packets must be seen before it

/** A ring that crosses the date line goes on behind the map's edge, and comes in at the other; one around a pole is
 * closed there. @param {Path2D} to @param {number[]} ring lon, lat in turn @param {number} width */
function trace(to, ring, width) {
  const points = [[ring[0], ring[1]]];
  for (let i = 2; i < ring.length; i += 2) {
    const step = ring[i] - ring[i - 2];
    const turn = step > 180 ? -360 : step < -180 ? 360 : 0;
    points.push([points[points.length - 1][0] + step + turn, ring[i + 1]]);
  }
  const [first, last] = [points[0], points[points.length - 1]];
  if (Math.abs(last[0] - first[0]) > 180) {
    const pole = Math.sign(first[1]) * 90;
    points.push([last[0], pole], [first[0], pole]);
  }
  const scale = width / 360;
  const beyond = points.some(([lon]) => Math.abs(lon) > 180);
  for (const shift of beyond ? [-360, 0, 360] : [0]) {
    points.forEach(([lon, lat], i) => {
      const x = (lon + shift + 180) * scale, y = (90 - lat) * scale;
      if (i) to.lineTo(x, y);
      else to.moveTo(x, y);
    });
    to.closePath();
  }
}

/** @param {number} width */
function makeCanvas(width) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = width / 2;
  return { canvas, context: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true })) };
}

export class Earth {
  /** @param {import("./world.js").World} world */
  constructor(world) {
    this.world = world;
    this.paths = world.geography.shapes.map(({ code, rings }) => {
      const path = new Path2D();
      for (const ring of rings) trace(path, ring, WIDTH);
      return { code, path };
    });
    this.canvas = this.drawBase();
    this.shapes = this.drawShapes();
    /** How bright each shape is, by its number; 0 is the sea. */
    this.glow = new Float32Array(this.paths.length + 1);
  }

  drawBase() {
    const { canvas, context } = makeCanvas(WIDTH);
    context.fillStyle = SEA;
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = LAND;
    context.strokeStyle = LINE;
    for (const { path } of this.paths) {
      context.fill(path, "evenodd");
      context.stroke(path);
    }
    return canvas;
  }

  /** The number of the shape at each point, from 1; 0 is the sea, and where two shapes meet. */
  drawShapes() {
    const { context } = makeCanvas(WIDTH);
    this.paths.forEach(({ path }, index) => {
      context.fillStyle = `rgb(${(index + 1) >> 8}, ${(index + 1) & 255}, 255)`;
      context.fill(path, "evenodd");
    });
    const { data } = context.getImageData(0, 0, WIDTH, HEIGHT);
    const shapes = new Uint16Array(WIDTH * HEIGHT);
    for (let i = 0; i < shapes.length; i++) {
      // Where colours mix there is no number of ours.
      const shape = (data[i * 4] << 8) | data[i * 4 + 1];
      if (data[i * 4 + 2] === 255 && shape <= this.paths.length) shapes[i] = shape;
    }
    return shapes;
  }

  /** The country at a place, null at sea. @param {number} lon @param {number} lat */
  countryAt(lon, lat) {
    const x = Math.min(WIDTH - 1, Math.max(0, Math.floor(((lon + 180) / 360) * WIDTH)));
    const y = Math.min(HEIGHT - 1, Math.max(0, Math.floor(((90 - lat) / 180) * HEIGHT)));
    return this.paths[this.shapes[y * WIDTH + x] - 1]?.code || null;
  }

  /** Rates into glow. By the logarithm: the second country must be seen beside the first. */
  update() {
    const most = Math.log1p(Math.max(1, ...this.world.rates.values()));
    const { country } = this.world.only;
    this.paths.forEach(({ code }, index) => {
      const rate = code ? this.world.rates.get(code) ?? 0 : 0;
      const glow = rate ? Math.max(GLOW_MIN, Math.log1p(rate) / most) * GLOW_MAX : 0;
      this.glow[index + 1] = country && country !== code ? glow * 0.3 : country ? 1 : glow;
    });
  }
}

/** Where a country's packets begin; those of one source at one point. Without a place: null.
 * @param {import("./world.js").World} world @param {import("./world.js").Packet} packet
 * @returns {[number, number] | null} longitude, latitude */
export function startOf(world, packet) {
  const at = world.geography.countries.get(packet.country)?.at;
  if (!at) return null;
  const spread = 1.6; // degrees: a country is no point
  return [
    at[0] + ((packet.sourceId & 255) / 255 - 0.5) * 2 * spread,
    at[1] + (((packet.sourceId >>> 8) & 255) / 255 - 0.5) * 2 * spread,
  ];
}

/** Height of an arc by service port, 0 to 1: by the logarithm, since the ports that matter are low.
 * @param {number} port */
export function heightOf(port) {
  return Math.log2(1 + port) / 16;
}
