// SPDX-License-Identifier: Apache-2.0
//
// What views have in common. A view is made in an element, told of its size, drawn once a frame and destroyed.

import { WebGLRenderer } from "three";

/**
 * @typedef {{frame?: (now: number) => void, resize?: () => void, destroy: () => void}} View
 * @typedef {{
 *   live: import("./live.js").Live,
 *   isCalm: boolean,
 *   theme: () => "dark" | "light",
 *   choose: (only: {country?: string | null, port?: string | null}) => void,
 *   tell: (country: string | null, at?: MouseEvent) => void,
 *   countryName: (code: string) => string,
 *   parameters: () => URLSearchParams,
 *   setParameters: (parameters: URLSearchParams) => void,
 * }} Context isCalm: who looks does not want motion
 */

/** @param {string} tag @param {Record<string, any>} properties @param {(Node | string)[]} children */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) /** @type {any} */ (made)[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** "none", "software" or "hardware": who would draw with WebGL. */
export const webgl = (() => {
  const probe = document.createElement("canvas").getContext("webgl2");
  if (!probe) return "none";
  const name = probe.getParameter(probe.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL ?? probe.RENDERER);
  probe.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software/i.test(name) ? "software" : "hardware";
})();

const PACE_MS = 1000; // between two looks
const FPS_LOW = 42; // below, the picture is made of fewer points
const FPS_HIGH = 57;
const RATIO_MIN = 0.5;
const RATIO_STEP = 0.8;
const FORGET_MS = 30000; // then a ratio that was too much is tried again
const GAP_MS = 400; // between two frames: the page was hidden, or busy otherwise

/** Fewer points where drawing is slow, and more again where it is not. */
export class Pace {
  /** @param {import("three").WebGLRenderer} renderer */
  constructor(renderer) {
    this.renderer = renderer;
    this.best = renderer.getPixelRatio();
    this.frames = 0;
    this.since = this.last = this.slowAt = 0;
  }

  /** Once a frame: has the ratio changed, so that sizes are to be set again? @param {number} now ms */
  isToChange(now) {
    if (now - this.last > GAP_MS) {
      this.since = now;
      this.frames = 0;
    }
    this.last = now;
    this.frames++;
    if (now - this.since < PACE_MS) return false;
    const fps = (this.frames * 1000) / (now - this.since), ratio = this.renderer.getPixelRatio();
    this.since = now;
    this.frames = 0;
    let next = ratio;
    if (fps < FPS_LOW) {
      next = Math.max(RATIO_MIN, ratio * RATIO_STEP);
      this.slowAt = now;
    } else if (fps > FPS_HIGH && now - this.slowAt > FORGET_MS) {
      next = Math.min(this.best, ratio / RATIO_STEP);
    }
    if (next !== ratio) this.renderer.setPixelRatio(next);
    return next !== ratio;
  }
}

/** A renderer whose canvas takes keys. Software draws no more points than it must. */
export function makeRenderer() {
  const isHardware = webgl === "hardware";
  const renderer = new WebGLRenderer({ antialias: isHardware, alpha: true });
  renderer.setPixelRatio(isHardware ? Math.min(window.devicePixelRatio, 2) : 1);
  renderer.domElement.tabIndex = 0;
  return renderer;
}
