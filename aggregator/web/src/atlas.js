// SPDX-License-Identifier: Apache-2.0
//
// The globe: packets fly from the country of their source to the telescope. All of them are one mesh of
// comets whose places the graphics processor works out from the time, so a packet costs one write when it starts.
import * as THREE from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { TYPE_RGB } from "./colours.js";
import { Earth, GLOW, heightOf, startOf, WIDTH } from "./earth.js";
import { makeRenderer, Pace } from "./view.js";

const PACKETS_MAX = 4096; // on their way at once
const DONE_MAX = 512; // of those that arrived, how many stay among them before they are swept out
const FLIGHT_S = 2.2;
const TAIL = 0.16; // of the way
const HEAD_POINTS = 3.2; // how wide a packet is on the screen
const REDRAW_MS = 1000;
const NOWHERE = /** @type {[number, number]} */ ([0, 90]); // the telescope's place where none is configured
const DISTANCE = 3.4; // of the eye, in radii
const ASIDE = -0.6; // radians
const TURN = 0.12; // radians, a key

/** @param {number} lon @param {number} lat */
function onGlobe(lon, lat) {
  const phi = (lat * Math.PI) / 180, lambda = (lon * Math.PI) / 180;
  return new THREE.Vector3(Math.cos(phi) * Math.sin(lambda), Math.sin(phi), Math.cos(phi) * Math.cos(lambda));
}

// A comet: wide at its head, pointed at its tail. Its points lie along the way (x, from the head) and beside it (y).
const SHAPE = [0, -1, 0, 0, 1, 0, 0.5, -0.6, 0, 0.5, 0.6, 0, 1, 0, 0];
const POINTS = SHAPE.length / 3;
const TRIANGLES = [0, 1, 2, 1, 3, 2, 2, 3, 4];
const VERTEX = `
  attribute vec3 from, colour;
  attribute vec3 flight; // time of departure, height, angle between from and to
  uniform float now;
  uniform vec3 to;
  uniform vec2 width; // of the head, as parts of the picture
  varying vec4 ink;
  vec4 seen(float at) {
    float angle = flight.z;
    vec3 ground = normalize(sin((1.0 - at) * angle) * from + sin(at * angle) * to);
    float rise = sin(at * 3.14159265) * (0.04 + 0.36 * flight.y) * (0.3 + angle / 3.14159265);
    return projectionMatrix * modelViewMatrix * vec4(ground * (1.005 + rise), 1.0);
  }
  void main() {
    float progress = (now - flight.x) / ${FLIGHT_S.toFixed(1)};
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    if (progress < 0.0 || progress > 1.0) return;
    float at = clamp(progress * ${(1 + TAIL).toFixed(2)} - position.x * ${TAIL.toFixed(2)}, 0.0, 0.99);
    vec4 place = seen(at), ahead = seen(at + 0.01);
    vec2 way = (ahead.xy / ahead.w - place.xy / place.w) / width;
    vec2 beside = vec2(-way.y, way.x) / max(length(way), 1e-6);
    ink = vec4(colour, 1.0 - position.x);
    gl_Position = place + vec4(beside * width * position.y * place.w, 0.0, 0.0);
  }`;
const FRAGMENT = `
  varying vec4 ink;
  void main() { gl_FragColor = ink; }`;

const GLOBE_VERTEX = `
  out vec2 at;
  out float rim;
  void main() {
    at = uv;
    vec4 seen = modelViewMatrix * vec4(position, 1.0);
    rim = 1.0 + dot(normalize(seen.xyz), normalize(normalMatrix * normal));
    gl_Position = projectionMatrix * seen;
  }`;
const GLOBE_FRAGMENT = `
  const vec3 AIR = vec3(0.18, 0.42, 0.62);
  precision highp usampler2D;
  uniform sampler2D base, glow;
  uniform usampler2D shapes;
  uniform vec3 colour;
  in vec2 at;
  in float rim; // 0 in the middle, 1 where the globe ends
  out vec4 ink;
  void main() {
    uint shape = texture(shapes, at).r;
    float shine = texelFetch(glow, ivec2(int(shape), 0), 0).r;
    ink = vec4(mix(texture(base, at).rgb, colour, shine) + rim * rim * rim * 0.6 * AIR, 1.0);
  }`;

/** The mesh of all packets, the oldest first: all fly for the same time, so they end in the order of their start. Not
 * instanced: a software renderer draws each instance apart. */
class Flights {
  constructor() {
    this.geometry = new THREE.BufferGeometry();
    const shapes = new Float32Array(PACKETS_MAX * SHAPE.length), triangles = [];
    for (let i = 0; i < PACKETS_MAX; i++) {
      shapes.set(SHAPE, i * SHAPE.length);
      triangles.push(...TRIANGLES.map((point) => i * POINTS + point));
    }
    this.geometry.setAttribute("position", new THREE.BufferAttribute(shapes, 3));
    this.geometry.setIndex(triangles);
    const add = (/** @type {string} */ name) => {
      const attribute = new THREE.BufferAttribute(new Float32Array(PACKETS_MAX * POINTS * 3), 3);
      attribute.setUsage(THREE.DynamicDrawUsage);
      this.geometry.setAttribute(name, attribute);
      return attribute;
    };
    this.from = add("from");
    this.colour = add("colour");
    this.flight = add("flight");
    this.uniforms = { now: { value: 0 }, to: { value: new THREE.Vector3() }, width: { value: new THREE.Vector2() } };
    const material = new THREE.ShaderMaterial({
      vertexShader: VERTEX, fragmentShader: FRAGMENT, uniforms: this.uniforms,
      transparent: true, depthWrite: false, side: THREE.DoubleSide, forceSinglePass: true,
    });
    this.mesh = new THREE.Mesh(this.geometry, material);
    this.mesh.frustumCulled = false;
    this.count = 0;
    this.isChanged = false;
  }

  /** Where there is no room it is not drawn. @param {THREE.Vector3} start
   * @param {[number, number, number]} ink @param {number} at s @param {number} height */
  add(start, ink, at, height) {
    if (this.count === PACKETS_MAX) return;
    const angle = start.angleTo(this.uniforms.to.value);
    for (let i = this.count * POINTS; i < (this.count + 1) * POINTS; i++) {
      this.from.setXYZ(i, start.x, start.y, start.z);
      this.colour.setXYZ(i, ...ink);
      this.flight.setXYZ(i, at, height, angle);
    }
    this.count++;
    this.isChanged = true;
  }

  /** @param {number} i */
  startOf(i) {
    return this.flight.getX(i * POINTS);
  }

  /** @param {number} now s */
  inFlight(now) {
    let count = 0;
    for (let i = 0; i < this.count; i++) count += Number(this.startOf(i) <= now && this.startOf(i) > now - FLIGHT_S);
    return count;
  }

  /** @param {number} now s */
  advance(now) {
    let done = 0;
    while (done < this.count && this.startOf(done) < now - FLIGHT_S) done++;
    const attributes = [this.from, this.colour, this.flight];
    if (done > DONE_MAX || this.count === PACKETS_MAX) {
      for (const { array } of attributes) array.copyWithin(0, done * POINTS * 3, this.count * POINTS * 3);
      this.count -= done;
      this.isChanged = true;
    }
    if (this.isChanged) {
      for (const attribute of attributes) {
        attribute.clearUpdateRanges();
        attribute.addUpdateRange(0, this.count * POINTS * 3);
        attribute.needsUpdate = true;
      }
    }
    this.isChanged = false;
    this.geometry.setDrawRange(0, this.count * TRIANGLES.length);
    this.uniforms.now.value = now;
  }
}

export class Atlas {
  /** @param {HTMLElement} parent @param {import("./world.js").World} world
   * @param {import("./view.js").Context} context */
  constructor(parent, world, context) {
    this.parent = parent;
    this.world = world;
    this.context = context;
    this.earth = new Earth(world);
    this.renderer = makeRenderer();
    this.canvas = this.renderer.domElement;
    this.pace = new Pace(this.renderer);
    parent.append(this.canvas);
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(40, 1, 0.1, 20);
    this.flights = new Flights();
    this.scene.add(this.makeGlobe(), this.flights.mesh, this.makeBeacon());
    this.controls = this.makeControls();
    this.makeInput();
    this.lookAtTelescope = () => this.aim();
    context.live.addEventListener("hello", this.lookAtTelescope);
    this.aim();
    this.take = (/** @type {import("./world.js").Packet} */ packet) => this.takePacket(packet);
    world.watchers.add(this.take);
    this.redrawnAt = -Infinity;
    this.resize();
  }

  /** The map, and over it the glow of each country: what a point of it shines with is looked up by its shape. */
  makeGlobe() {
    const base = new THREE.CanvasTexture(this.earth.canvas);
    base.generateMipmaps = false;
    base.minFilter = THREE.LinearFilter;
    const shapes = new THREE.DataTexture(this.earth.shapes, WIDTH, WIDTH / 2, THREE.RedIntegerFormat, THREE.UnsignedShortType);
    shapes.internalFormat = "R16UI";
    shapes.flipY = true;
    shapes.needsUpdate = true;
    this.glow = new THREE.DataTexture(this.earth.glow, this.earth.glow.length, 1, THREE.RedFormat, THREE.FloatType);
    this.glow.needsUpdate = true;
    this.textures = [base, shapes, this.glow];
    const colour = new THREE.Vector3(...GLOW).divideScalar(255);
    const material = new THREE.ShaderMaterial({
      vertexShader: GLOBE_VERTEX, fragmentShader: GLOBE_FRAGMENT, glslVersion: THREE.GLSL3,
      uniforms: { base: { value: base }, shapes: { value: shapes }, glow: { value: this.glow }, colour: { value: colour } },
    });
    const globe = new THREE.Mesh(new THREE.SphereGeometry(1, 64, 40), material);
    globe.rotation.y = -Math.PI / 2; // longitude 0 towards +z, as onGlobe has it
    return globe;
  }

  makeBeacon() {
    const shape = new THREE.RingGeometry(0.018, 0.026, 32);
    this.beacon = new THREE.Mesh(shape, new THREE.MeshBasicMaterial({ color: 0xffffff, side: THREE.DoubleSide }));
    this.placeTelescope();
    return this.beacon;
  }

  placeTelescope() {
    const place = this.context.live.hello?.place;
    this.hub = place ? onGlobe(place.longitude, place.latitude) : onGlobe(...NOWHERE);
    this.flights.uniforms.to.value.copy(this.hub);
    this.beacon?.position.copy(this.hub).multiplyScalar(1.004);
    this.beacon?.lookAt(this.hub.clone().multiplyScalar(2));
    return this.hub;
  }

  makeControls() {
    const controls = new OrbitControls(this.camera, this.canvas);
    controls.enablePan = false;
    controls.enableDamping = !this.context.isCalm;
    controls.minDistance = 1.6;
    controls.maxDistance = 6;
    controls.rotateSpeed = 0.5;
    controls.autoRotate = !this.context.isCalm;
    controls.autoRotateSpeed = 0.25;
    return controls;
  }

  /** The telescope from the side and a little above, so that the heights of what comes are seen. */
  aim() {
    const from = this.placeTelescope().clone();
    from.y = Math.min(Math.max(from.y, 0.25), 0.6);
    from.applyAxisAngle(new THREE.Vector3(0, 1, 0), ASIDE);
    this.camera.position.copy(from.normalize().multiplyScalar(DISTANCE));
    this.controls.update();
  }

  makeInput() {
    let pressed = { x: 0, y: 0 };
    this.canvas.addEventListener("pointerdown", (event) => {
      pressed = { x: event.clientX, y: event.clientY };
      this.controls.autoRotate = false;
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 4) return;
      const country = this.countryUnder(event);
      if (country) this.context.choose({ country: country === this.world.only.country ? null : country });
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const country = event.buttons ? null : this.countryUnder(event);
      this.canvas.style.cursor = country ? "pointer" : "grab";
      this.context.tell(country, event);
    });
    this.canvas.addEventListener("pointerleave", () => this.context.tell(null));
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const place = new THREE.Spherical().setFromVector3(this.camera.position);
    const turn = /** @type {Record<string, () => void>} */ ({
      ArrowLeft: () => (place.theta -= TURN),
      ArrowRight: () => (place.theta += TURN),
      ArrowUp: () => (place.phi -= TURN),
      ArrowDown: () => (place.phi += TURN),
      "+": () => (place.radius *= 0.9),
      "-": () => (place.radius /= 0.9),
    })[event.key];
    if (!turn) return;
    event.preventDefault();
    turn();
    place.makeSafe();
    place.radius = Math.min(Math.max(place.radius, this.controls.minDistance), this.controls.maxDistance);
    this.camera.position.setFromSpherical(place);
    this.controls.autoRotate = false;
  }

  /** @param {MouseEvent} event */
  countryUnder(event) {
    const box = this.canvas.getBoundingClientRect();
    const point = new THREE.Vector2(
      ((event.clientX - box.left) / box.width) * 2 - 1,
      1 - ((event.clientY - box.top) / box.height) * 2,
    );
    const ray = new THREE.Raycaster();
    ray.setFromCamera(point, this.camera);
    const hit = ray.ray.intersectSphere(new THREE.Sphere(new THREE.Vector3(), 1), new THREE.Vector3());
    if (!hit) return null;
    const lat = (Math.asin(Math.min(1, Math.max(-1, hit.y))) * 180) / Math.PI;
    return this.earth.countryAt((Math.atan2(hit.x, hit.z) * 180) / Math.PI, lat);
  }

  /** @param {import("./world.js").Packet} packet */
  takePacket(packet) {
    const start = startOf(this.world, packet);
    if (!start || !this.hub) return;
    this.flights.add(onGlobe(...start), TYPE_RGB[packet.type], packet.time / 1000, heightOf(packet.port));
  }

  /** For tests and measurements. @param {number} now ms */
  inFlight(now) {
    return this.flights.inFlight(now / 1000);
  }

  resize() {
    const { clientWidth, clientHeight } = this.parent;
    this.renderer.setSize(clientWidth, clientHeight);
    this.camera.aspect = clientWidth / Math.max(1, clientHeight);
    this.camera.fov = this.camera.aspect < 1 ? 60 : 40;
    this.camera.updateProjectionMatrix();
    this.flights.uniforms.width.value.set(HEAD_POINTS / clientWidth, HEAD_POINTS / clientHeight);
  }

  /** @param {number} now ms */
  frame(now) {
    if (this.pace.isToChange(now)) this.resize();
    if (now - this.redrawnAt > REDRAW_MS) {
      this.redrawnAt = now;
      this.earth.update();
      if (this.glow) this.glow.needsUpdate = true;
      this.placeTelescope();
    }
    this.flights.advance(now / 1000);
    this.controls.update();
    this.renderer.render(this.scene, this.camera);
  }

  destroy() {
    this.world.watchers.delete(this.take);
    this.context.live.removeEventListener("hello", this.lookAtTelescope);
    this.controls.dispose();
    this.flights.geometry.dispose();
    for (const texture of this.textures ?? []) texture.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
    this.canvas.remove();
  }
}
