// SPDX-License-Identifier: Apache-2.0
//
// What happens right now, as the views need it: packets on their way, rates by country, sources of the last seconds.
// Bounded, whatever comes.
import { TYPES } from "./colours.js";

export const TILE_SECONDS = 30;
const SOURCES_MAX = 2000;
const EVENTS_MAX = 400; // of a source, that are drawn
const PULSE_MS = 5000; // a sensor that is silent for so long counts no more
const RATE_HALF_LIFE_MS = 4000;

/**
 * @typedef {{time: number, type: number, class: number, device: number, proto: number, port: number,
 *   sourcePort: number, destinationPort: number, country: string, source: number, sourceId: number,
 *   position: number, signatures: string[], weight: number}} Packet time is performance.now() of its arrival here
 * @typedef {{id: number, source: number, country: string, device: number, signatures: Set<string>, weight: number,
 *   newest: number, seconds: {at: number, weight: number}[],
 *   events: {time: number, type: number, port: number}[]}} Source weight: packets of the last TILE_SECONDS, by second
 * @typedef {{countries: Map<string, {at: [number, number] | null, en: string, ja: string}>,
 *   shapes: {code: string, rings: number[][]}[]}} Geography
 */

export class World {
  /** @param {import("./live.js").Live} live @param {Geography} geography */
  constructor(live, geography) {
    this.geography = geography;
    this.isPaused = false;
    /** Only these are shown. @type {{country: string | null, port: string | null}} */
    this.only = { country: null, port: null };
    /** @type {Set<(packet: Packet) => void>} */
    this.watchers = new Set();
    /** Packets a second by country, fading. @type {Map<string, number>} */
    this.rates = new Map();
    /** @type {Map<number, Source>} */
    this.sources = new Map();
    /** Packets of the newest pulse of each sensor, and when it came. @type {Map<string, {packets: number, at: number}>} */
    this.pulses = new Map();
    this.fadedAt = performance.now();
    live.addEventListener("samples", (event) => this.takeSamples(/** @type {CustomEvent} */ (event).detail));
    live.addEventListener("pulse", (event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      this.pulses.set(detail.sensor, { packets: detail.packets, at: performance.now() });
    });
  }

  /** Packets a second over all sensors that are heard of, exact; null where none is. */
  rate() {
    const horizon = performance.now() - PULSE_MS;
    let sum = 0;
    for (const [sensor, { packets, at }] of this.pulses) {
      if (at < horizon) this.pulses.delete(sensor);
      else sum += packets;
    }
    return this.pulses.size ? sum : null;
  }

  /** @param {import("./live.js").Samples} s */
  takeSamples(s) {
    if (this.isPaused) return;
    const now = performance.now();
    for (let i = 0; i < s.rows; i++) {
      this.takePacket({
        time: now + s.offset_ms[i],
        type: s.type[i] < TYPES.length ? s.type[i] : TYPES.length - 1,
        class: s.class[i],
        device: s.device[i],
        proto: s.proto[i],
        port: s.port[i],
        sourcePort: s.source_port[i],
        destinationPort: s.destination_port[i],
        country: s.country[i],
        source: s.source[i],
        sourceId: s.source_id[i],
        position: s.position[i],
        signatures: s.signatures[i] ? s.marks.filter((_, bit) => s.signatures[i] & (1 << bit)) : [],
        weight: s.weight[i],
      });
    }
  }

  /** @param {Packet} packet */
  takePacket(packet) {
    this.rates.set(packet.country, (this.rates.get(packet.country) ?? 0) + packet.weight);
    this.noteSource(packet);
    if (this.only.country && packet.country !== this.only.country) return;
    if (this.only.port && portName(packet) !== this.only.port) return;
    for (const watcher of this.watchers) watcher(packet);
  }

  /** @param {Packet} packet */
  noteSource(packet) {
    let source = this.sources.get(packet.sourceId);
    if (!source) {
      if (this.sources.size >= SOURCES_MAX) this.forget(SOURCES_MAX / 4);
      source = {
        id: packet.sourceId, source: packet.source, country: packet.country, device: 0,
        signatures: new Set(), weight: 0, newest: 0, seconds: [], events: [],
      };
      this.sources.set(packet.sourceId, source);
    }
    source.newest = packet.time;
    source.device = Math.max(source.device, packet.device);
    for (const id of packet.signatures) source.signatures.add(id);
    source.weight += packet.weight;
    const second = Math.floor(packet.time / 1000), last = source.seconds.at(-1);
    if (last && last.at >= second) last.weight += packet.weight;
    else source.seconds.push({ at: second, weight: packet.weight });
    source.events.push({ time: packet.time, type: packet.type, port: packet.destinationPort });
    if (source.events.length > EVENTS_MAX) source.events.shift();
  }

  /** Those that sent least and those not heard of for long. @param {number} count */
  forget(count) {
    const horizon = performance.now() - TILE_SECONDS * 1000;
    for (const [id, source] of this.sources) if (source.newest < horizon) this.sources.delete(id);
    const least = [...this.sources.values()].sort((a, b) => a.weight - b.weight);
    for (let i = 0; i < count && this.sources.size > SOURCES_MAX - count; i++) this.sources.delete(least[i].id);
  }

  /** Sources with most packets in the last TILE_SECONDS. @param {number} count @param {number} now ms */
  busiest(count, now) {
    const horizon = now - TILE_SECONDS * 1000;
    for (const source of this.sources.values()) {
      while (source.seconds.length && (source.seconds[0].at + 1) * 1000 <= horizon) {
        source.weight -= source.seconds.shift()?.weight ?? 0;
      }
      while (source.events.length && source.events[0].time < horizon) source.events.shift();
      if (!source.seconds.length) this.sources.delete(source.id);
    }
    return [...this.sources.values()].sort((a, b) => b.weight - a.weight || a.id - b.id).slice(0, count);
  }

  /** Lets rates fade, but not in a pause; to be called now and then. */
  fade() {
    const now = performance.now();
    if (this.isPaused) this.fadedAt = now;
    const factor = 0.5 ** ((now - this.fadedAt) / RATE_HALF_LIFE_MS);
    this.fadedAt = now;
    for (const [country, rate] of this.rates) {
      if (rate * factor < 0.01) this.rates.delete(country);
      else this.rates.set(country, rate * factor);
    }
  }
}

const PROTOS = /** @type {Record<number, string>} */ ({ 1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6" });

/** As the command line writes it: 23/tcp. @param {{proto: number, port: number}} packet */
export function portName(packet) {
  return `${packet.port}/${PROTOS[packet.proto] ?? packet.proto}`;
}

/** @param {number} address of which the last 8 bits are not told */
export function sourceName(address) {
  if (!address) return "IPv6";
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.x`;
}
