// SPDX-License-Identifier: Apache-2.0
//
// NICTER's cube: the sources on the left, the telescope on the right; upwards the address, to the back the port. A
// packet flies across and leaves a mark where it arrives, so scans draw lines.
import * as THREE from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { TYPE_RGB } from "./colours.js";
import { text } from "./i18n.js";
import { makeRenderer, Pace } from "./view.js";

const PACKETS_MAX = 12000; // on their way or marks
const FLIGHT_S = 1.4;
const MARK_S = 12;
const PORT_MAX = 65536;

const VERTEX = `
  attribute vec3 to, colour;
  attribute float start;
  uniform float now, size;
  varying vec4 ink;
  void main() {
    float age = now - start;
    float at = clamp(age / ${FLIGHT_S.toFixed(1)}, 0.0, 1.0);
    float left = 1.0 - clamp((age - ${FLIGHT_S.toFixed(1)}) / ${MARK_S.toFixed(1)}, 0.0, 1.0);
    bool shown = age >= 0.0 && left > 0.0;
    ink = vec4(colour, at < 1.0 ? 0.95 : 0.85 * left);
    vec4 seen = modelViewMatrix * vec4(mix(position, to, at), 1.0);
    gl_PointSize = size * (at < 1.0 ? 1.0 : 0.8) / -seen.z;
    gl_Position = shown ? projectionMatrix * seen : vec4(2.0, 2.0, 2.0, 1.0);
  }`;
const FRAGMENT = `
  varying vec4 ink;
  void main() {
    vec2 from = gl_PointCoord - 0.5;
    if (dot(from, from) > 0.25) discard;
    gl_FragColor = ink;
  }`;

/** All packets, on their way and arrived, and the ring of their slots. */
class Marks {
  constructor() {
    const geometry = new THREE.BufferGeometry();
    const add = (/** @type {string} */ name, /** @type {number} */ size) => {
      const attribute = new THREE.BufferAttribute(new Float32Array(PACKETS_MAX * size), size);
      attribute.setUsage(THREE.DynamicDrawUsage);
      geometry.setAttribute(name, attribute);
      return attribute;
    };
    this.from = add("position", 3);
    this.to = add("to", 3);
    this.colour = add("colour", 3);
    this.start = add("start", 1);
    this.start.array.fill(-1e6);
    this.uniforms = { now: { value: 0 }, size: { value: 12 } };
    const material = new THREE.ShaderMaterial({
      vertexShader: VERTEX, fragmentShader: FRAGMENT, uniforms: this.uniforms, transparent: true, depthWrite: false,
    });
    this.points = new THREE.Points(geometry, material);
    this.points.frustumCulled = false;
    this.next = 0;
  }

  /** @param {import("./world.js").Packet} packet */
  add(packet) {
    const i = this.next;
    this.next = (i + 1) % PACKETS_MAX;
    const depth = (/** @type {number} */ port) => 1 - (port / PORT_MAX) * 2;
    this.from.setXYZ(i, -1, ((packet.source >>> 8) / 0xffffff) * 2 - 1, depth(packet.sourcePort));
    this.to.setXYZ(i, 1, (packet.position / 65535) * 2 - 1, depth(packet.destinationPort));
    this.colour.setXYZ(i, ...TYPE_RGB[packet.type]);
    this.start.setX(i, packet.time / 1000);
    for (const attribute of [this.from, this.to, this.colour, this.start]) attribute.needsUpdate = true;
  }
}

export class Cube {
  /** @param {HTMLElement} parent @param {import("./world.js").World} world
   * @param {import("./view.js").Context} context */
  constructor(parent, world, context) {
    this.parent = parent;
    this.world = world;
    this.context = context;
    this.renderer = makeRenderer();
    this.canvas = this.renderer.domElement;
    this.pace = new Pace(this.renderer);
    parent.append(this.canvas);
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(38, 1, 0.1, 20);
    this.camera.position.set(-0.3, 0.75, 4.45); // both planes are seen from within
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.minDistance = 1.5;
    this.controls.maxDistance = 6;
    this.controls.enablePan = false;
    this.controls.update();
    this.marks = new Marks();
    this.scene.add(this.marks.points, ...this.makePlanes());
    this.labels = this.makeLabels();
    this.take = (/** @type {import("./world.js").Packet} */ packet) => this.marks.add(packet);
    world.watchers.add(this.take);
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
    this.resize();
  }

  makePlanes() {
    const grid = (/** @type {number} */ x, /** @type {number} */ colour) => {
      const lines = [];
      for (let i = 0; i <= 8; i++) {
        const at = i / 4 - 1;
        lines.push(x, at, -1, x, at, 1, x, -1, at, x, 1, at);
      }
      const geometry = new THREE.BufferGeometry();
      geometry.setAttribute("position", new THREE.Float32BufferAttribute(lines, 3));
      return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: colour, transparent: true, opacity: 0.45 }));
    };
    const box = new THREE.LineSegments(
      new THREE.EdgesGeometry(new THREE.BoxGeometry(2, 2, 2)),
      new THREE.LineBasicMaterial({ color: 0x7a8fa3, transparent: true, opacity: 0.35 }),
    );
    return [grid(-1, 0x4d7ea8), grid(1, 0xa87c4d), box];
  }

  /** Words beside the planes, as HTML: sharp at any size. */
  makeLabels() {
    return [
      { at: new THREE.Vector3(-1, 1.12, 0), key: "cubeSource" },
      { at: new THREE.Vector3(1, 1.12, 0), key: "cubeTelescope" },
      { at: new THREE.Vector3(1.05, -1.08, 1), key: "cubePort0" },
      { at: new THREE.Vector3(1.05, -1.08, -1), key: "cubePortMax" },
    ].map(({ at, key }) => {
      const element = document.createElement("span");
      element.className = "label";
      element.textContent = text(key);
      this.parent.append(element);
      return { at, element, half: element.offsetWidth / 2 };
    });
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const turns = /** @type {Record<string, [number, number]>} */ ({
      ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.12], ArrowDown: [0, 0.12],
    });
    const zoom = /** @type {Record<string, number>} */ ({ "+": 0.9, "-": 1 / 0.9 })[event.key];
    const turn = turns[event.key];
    if (!turn && !zoom) return;
    event.preventDefault();
    const place = new THREE.Spherical().setFromVector3(this.camera.position);
    if (turn) {
      place.theta += turn[0];
      place.phi += turn[1];
    } else {
      place.radius = Math.min(Math.max(place.radius * zoom, this.controls.minDistance), this.controls.maxDistance);
    }
    place.makeSafe();
    this.camera.position.setFromSpherical(place);
  }

  /** Packets that are shown, on their way or as marks; for tests and measurements. @param {number} now ms */
  inFlight(now) {
    return this.marks.start.array.filter((start) => start * 1000 > now - (FLIGHT_S + MARK_S) * 1000).length;
  }

  resize() {
    const { clientWidth, clientHeight } = this.parent;
    this.renderer.setSize(clientWidth, clientHeight);
    this.camera.aspect = clientWidth / Math.max(1, clientHeight);
    this.camera.fov = this.camera.aspect < 1 ? 60 : 38;
    this.camera.updateProjectionMatrix();
    this.marks.uniforms.size.value = (clientHeight * this.renderer.getPixelRatio()) / 55;
  }

  /** @param {number} now ms */
  frame(now) {
    if (this.pace.isToChange(now)) this.resize();
    this.marks.uniforms.now.value = now / 1000;
    this.controls.update();
    this.renderer.render(this.scene, this.camera);
    const { clientWidth, clientHeight } = this.parent;
    for (const { at, element, half } of this.labels) {
      const seen = at.clone().project(this.camera);
      element.style.transform =
        `translate(${Math.min(clientWidth - half, Math.max(half, ((seen.x + 1) / 2) * clientWidth))}px, ${((1 - seen.y) / 2) * clientHeight}px) translate(-50%, -50%)`;
    }
  }

  destroy() {
    this.world.watchers.delete(this.take);
    this.controls.dispose();
    this.marks.points.geometry.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
    this.canvas.remove();
    for (const { element } of this.labels) element.remove();
  }
}
