// SPDX-License-Identifier: Apache-2.0
//
// One series over time, or one of each port. Where nobody watched there is no line and the ground is shaded; where only
// a part was watched, by what is missing.
import uPlot from "uplot";
import { LINES } from "./colours.js";
import { number, percent, text } from "./i18n.js";

const HEIGHT = 320;

/** @typedef {{start: string, packets: number | null, sources?: number | null, sources_peak?: number | null,
 *   bytes?: number | null, floor?: boolean | null, proto?: string, port?: number, coverage: number}} Point */

/** @param {Point} point @param {string} figure */
function figureOf(point, figure) {
  if (point.packets === null) return null;
  if (figure === "hosts") return point.sources ?? null;
  if (figure === "hostsPeak") return point.sources_peak ?? null;
  return (figure === "bytes" ? point.bytes : point.packets) ?? null;
}

/** Day and clock in a time zone. @param {number} time s @param {string} zone */
function clockOf(time, zone) {
  return new Date(time * 1000).toLocaleString("sv-SE", { timeZone: zone }).split(" ");
}

/** Times of the axis, as fine as the step between them asks for. @param {number[]} times s @param {number} step
 * @param {string} zone */
function timeLabels(times, step, zone) {
  return times.map((time, i) => {
    const [day, clock] = clockOf(time, zone);
    if (step >= 86400) return day;
    const hour = clock.slice(0, step < 60 ? 8 : 5);
    return i === 0 || clock.startsWith("00:00:00") ? `${hour}\n${day}` : hour;
  });
}

/** Of several ports one behind the other: the points of each. @param {Point[]} points */
function linesOf(points) {
  const lines = /** @type {Map<string, Point[]>} */ (new Map());
  for (const point of points) {
    const name = point.proto ? `${point.port}/${point.proto}` : "";
    const line = lines.get(name);
    if (line) line.push(point);
    else lines.set(name, [point]);
  }
  return lines;
}

/** @param {uPlot} plot @param {Point[]} points @param {number[]} times of their beginnings, and of the end */
function shade(plot, points, times) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  points.forEach(({ coverage }, i) => {
    if (coverage >= 0.999) return;
    const [left, right] = [times[i], times[i + 1]].map((time) => plot.valToPos(time, "x", true));
    ctx.fillStyle = `rgba(128, 128, 128, ${(0.35 * (1 - coverage)).toFixed(3)})`;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
  });
  ctx.restore();
}

export class Chart {
  /** @param {HTMLElement} parent @param {(from: number, to: number) => void} zoomed seconds */
  constructor(parent, zoomed) {
    this.parent = parent;
    this.zoomed = zoomed;
    this.note = document.createElement("p");
    this.note.setAttribute("role", "status");
    parent.append(this.note);
  }

  /** @param {{points: Point[], to: string}} answer @param {string} figure or hostsPeak @param {string} label
   * @param {number | null} loss of packets, 0 to 1 @param {string} zone */
  show(answer, figure, label, loss, zone) {
    this.plot?.destroy();
    const lines = [...linesOf(answer.points)], points = lines[0]?.[1] ?? [];
    const style = getComputedStyle(this.parent);
    const axis = { stroke: style.color, grid: { stroke: "rgba(128,128,128,0.2)" }, ticks: { stroke: "rgba(128,128,128,0.3)" } };
    const times = points.map(({ start }) => Date.parse(start) / 1000);
    const watched = points.map(({ coverage }) => coverage);
    const edges = [...times, Date.parse(answer.to) / 1000];
    this.plot = new uPlot(
      {
        width: this.parent.clientWidth,
        height: HEIGHT,
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
        cursor: { drag: { x: true, y: false, setScale: false } },
        scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] }, c: { range: [0, 1] } },
        axes: [{ ...axis, space: 90, values: (_, splits, __, ___, step) => timeLabels(splits, step, zone) }, { ...axis, size: 70, values: (_, splits) => splits.map(number) }],
        series: [
          { label: `${text("time")} (${zone})`, value: (_, at) => (at === null ? "" : clockOf(at, zone).join(" ").slice(0, 16)) },
          ...lines.map(([name, of], i) => this.makeLine(lines.length > 1 ? `${label} ${name}` : label, of, i, lines.length)),
          { label: text("coverage"), scale: "c", stroke: "transparent", points: { show: false }, value: (_, value) => (value === null ? "" : percent(value)) },
        ],
        hooks: {
          drawClear: [(plot) => shade(plot, points, edges)],
          setSelect: [(plot) => {
            const { left, width } = plot.select;
            if (width > 5) this.zoomed(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
          }],
        },
      },
      [times, ...lines.map(([, of]) => of.map((point) => figureOf(point, figure))), watched],
      this.parent,
    );
    const seen = points.reduce((sum, { coverage }) => sum + coverage, 0) / Math.max(1, points.length);
    const some = points.some(({ packets }) => packets !== null);
    this.note.textContent = some ? `${text("coverageOf", { percent: percent(seen) })}. ${text("lossOf", { percent: percent(loss ?? 0) })}. ${text("zoomHint")}` : text("noData");
    if (answer.points.some(({ floor }) => floor)) this.note.textContent += ` ${text("floors")}`;
  }

  /** @param {string} label @param {Point[]} points @param {number} i @param {number} count of lines
   * @returns {uPlot.Series} */
  makeLine(label, points, i, count) {
    const stroke = LINES[i % LINES.length];
    return {
      label, stroke, width: 1.5, spanGaps: false, ...(count > 1 ? {} : { fill: `${stroke}22` }),
      points: { show: points.length < 3 },
      value: (_, value, __, at) => {
        if (at === null) return "";
        if (value === null) return text(points[at].packets === null ? "gap" : "notKept");
        return `${points[at].floor ? "≥" : ""}${number(value)}`;
      },
    };
  }

  resize() {
    this.plot?.setSize({ width: this.parent.clientWidth, height: HEIGHT });
  }

  destroy() {
    this.plot?.destroy();
  }
}
