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

/** A renderer whose canvas takes keys. Software draws no more points than it must. */
export function makeRenderer() {
  const isHardware = webgl === "hardware";
  const renderer = new WebGLRenderer({ antialias: isHardware, alpha: true });
  renderer.setPixelRatio(isHardware ? Math.min(window.devicePixelRatio, 2) : 1);
  renderer.domElement.tabIndex = 0;
  return renderer;
}
