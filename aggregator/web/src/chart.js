// SPDX-License-Identifier: Apache-2.0
//
// One series over time. Where nobody watched there is no line and the ground is hatched; where only a part was watched
// it is shaded by what is missing.
import uPlot from "uplot";
import { LINES } from "./colours.js";
import { number, percent, text } from "./i18n.js";

const HEIGHT = 320;

/** @typedef {{start: string, packets: number | null, sources?: number | null, sources_peak?: number | null,
 *   sources_estimated?: boolean, bytes?: number | null, coverage: number}} Point */

/** @param {Point} point @param {string} figure */
function figureOf(point, figure) {
  if (point.packets === null) return null;
  if (figure === "hosts") return point.sources ?? point.sources_peak ?? null;
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

/** @param {uPlot} plot @param {Point[]} points @param {number} step */
function shade(plot, points, step) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const point of points) {
    if (point.coverage >= 0.999) continue;
    const start = Date.parse(point.start) / 1000;
    const left = plot.valToPos(start, "x", true);
    const right = plot.valToPos(start + step, "x", true);
    ctx.fillStyle = `rgba(128, 128, 128, ${(0.35 * (1 - point.coverage)).toFixed(3)})`;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
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

  /** @param {{points: Point[], step: number}} answer @param {string} figure @param {string} label
   * @param {number | null} loss of packets, 0 to 1 @param {string} zone */
  show(answer, figure, label, loss, zone) {
    this.plot?.destroy();
    const { points, step } = answer;
    const style = getComputedStyle(this.parent);
    const axis = { stroke: style.color, grid: { stroke: "rgba(128,128,128,0.2)" }, ticks: { stroke: "rgba(128,128,128,0.3)" } };
    const times = points.map(({ start }) => Date.parse(start) / 1000);
    const values = points.map((point) => figureOf(point, figure));
    const watched = points.map(({ coverage }) => coverage);
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
          {
            label, stroke: LINES[0], width: 1.5, fill: `${LINES[0]}22`, spanGaps: false,
            points: { show: points.length < 3 },
            value: (_, value, __, at) => (at === null ? "" : value === null ? text("gap") : number(value)),
          },
          { label: text("coverage"), scale: "c", stroke: "transparent", points: { show: false }, value: (_, value) => (value === null ? "" : percent(value)) },
        ],
        hooks: {
          drawClear: [(plot) => shade(plot, points, step)],
          setSelect: [(plot) => {
            const { left, width } = plot.select;
            if (width > 5) this.zoomed(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
          }],
        },
      },
      [times, values, watched],
      this.parent,
    );
    const seen = points.reduce((sum, { coverage }) => sum + coverage, 0) / Math.max(1, points.length);
    const some = points.some(({ packets }) => packets !== null);
    this.note.textContent = some ? `${text("coverageOf", { percent: percent(seen) })}. ${text("lossOf", { percent: percent(loss ?? 0) })}. ${text("zoomHint")}` : text("noData");
  }

  resize() {
    this.plot?.setSize({ width: this.parent.clientWidth, height: HEIGHT });
  }

  destroy() {
    this.plot?.destroy();
  }
}
