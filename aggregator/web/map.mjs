// SPDX-License-Identifier: Apache-2.0
//
// The map of the world as the page wants it, from Natural Earth (world-atlas, 1:50 million: the coarser
// one has neither Singapore nor Hong Kong): outlines by country code, where to begin an arc, and names.
import { createRequire } from "node:module";
import * as topojson from "topojson-client";

const require = createRequire(import.meta.url);
const world = require("world-atlas/countries-50m.json");
const countries = require("i18n-iso-countries");
const codes = Object.keys(require("i18n-iso-countries/langs/en.json").countries);
const english = new Intl.DisplayNames("en", { type: "region" });
const japanese = new Intl.DisplayNames("ja", { type: "region" });

// Natural Earth gives no number to what has no ISO code of its own.
const WITHOUT_NUMBER = { Kosovo: "XK" };
// Those that it draws as part of another country, or not at all.
const PLACES = {
  BQ: [-68.3, 12.2], BV: [3.4, -54.4], CC: [96.8, -12.2], CX: [105.6, -10.5], GF: [-53, 4], GI: [-5.4, 36.1],
  GP: [-61.6, 16.2], MQ: [-61, 14.6], RE: [55.5, -21.1], SJ: [16, 78], TK: [-171.8, -9.2], TV: [179.2, -8.5],
  UM: [166.6, 19.3], YT: [45.2, -12.8],
};

// A tenth of a degree is what a globe that fills a screen can show.
const round = (degrees) => Math.round(degrees * 10) / 10;

/** Signed area and centroid of a ring, as if the Earth were flat: enough to place an arc. */
function centroid(ring) {
  let area = 0, x = 0, y = 0;
  for (let i = 0; i + 1 < ring.length; i++) {
    const [ax, ay] = ring[i], [bx, by] = ring[i + 1];
    const cross = ax * by - bx * ay;
    area += cross / 2;
    x += (ax + bx) * cross;
    y += (ay + by) * cross;
  }
  return { area: Math.abs(area), at: area ? [x / (6 * area), y / (6 * area)] : ring[0] };
}

/** Without points that rounding made equal; empty where nothing is left to see. */
function thin(ring) {
  const points = [];
  for (const [lon, lat] of ring) {
    const point = [round(lon), round(lat)];
    const last = points[points.length - 1];
    if (!last || last[0] !== point[0] || last[1] !== point[1]) points.push(point);
  }
  return points.length >= 4 ? points.flat() : [];
}

export function makeMap() {
  const result = { shapes: [], countries: {} };
  const largest = {};
  for (const feature of topojson.feature(world, world.objects.countries).features) {
    const code = (feature.id && countries.numericToAlpha2(feature.id)) ??
      WITHOUT_NUMBER[feature.properties.name] ?? "";
    const polygons = feature.geometry.type === "Polygon" ? [feature.geometry.coordinates]
      : feature.geometry.coordinates;
    const rings = [];
    for (const polygon of polygons) {
      const { area, at } = centroid(polygon[0]);
      if (code && area >= (largest[code]?.area ?? -1)) largest[code] = { area, at };
      for (const ring of polygon) {
        const points = thin(ring);
        if (points.length) rings.push(points);
      }
    }
    result.shapes.push({ code, rings });
  }
  for (const code of codes) {
    const at = largest[code]?.at ?? PLACES[code];
    result.countries[code] = {
      at: at ? at.map(round) : null,
      en: english.of(code),
      ja: japanese.of(code),
    };
  }
  return result;
}
