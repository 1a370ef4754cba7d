// SPDX-License-Identifier: Apache-2.0
//
// The live feed (docs/live-feed.md): connects, decodes, and connects again by itself. What comes is checked for
// its form only as far as drawing needs it.
import { decode } from "@msgpack/msgpack";
import { fetchWithToken, getToken } from "./token.js";

const SUBPROTOCOL = "darkscope-live.1";
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15000;
const REFUSED = 1008; // the token was wrong: it has changed
const OLD_AFTER_MS = 5000;
const SKIPPED_MS = 30000; // so long it is told

/**
 * @typedef {{kind: "hello", version: number, software: string, time_ms: number,
 *   place: {name: string, latitude: number, longitude: number} | null,
 *   types: string[], classes: string[], devices: string[], attribution: string | null}} Hello
 * @typedef {{kind: "samples", sensor: string, time_ms: number, rows: number, marks: string[],
 *   offset_ms: number[], type: number[], class: number[], device: number[], proto: number[], port: number[],
 *   source_port: number[], destination_port: number[], country: string[], source: number[],
 *   source_id: number[], position: number[], signatures: number[], weight: number[]}} Samples
 * @typedef {{kind: "pulse", sensor: string, time_s: number, packets: number, types: number[],
 *   outside: number, malformed: number, sampled: number}} Pulse
 */

export class Live extends EventTarget {
  constructor() {
    super();
    /** @type {Hello | null} */
    this.hello = null;
    this.skipped = 0; // messages, lately
    this.skippedAt = 0;
    this.isOpen = false;
    this.lostAt = 0; // performance.now() of the last connection's end; 0: none was there
    this.newestAt = 0; // and of the last packets or pulse
    this.retryMs = RETRY_MIN_MS;
    this.wantsToken = false;
    this.begin();
  }

  /** A WebSocket does not say why it was refused: a question before tells whether a token is wanted, and which. */
  async begin() {
    const url = new URL("api/v1/openapi.json", document.baseURI);
    try {
      this.wantsToken = (await fetch(url, { method: "HEAD" })).status === 401;
      if (this.wantsToken) await fetchWithToken(url, { method: "HEAD" });
    } catch { /* nobody there: then the connection is tried until somebody is */ }
    this.connect();
  }

  connect() {
    const url = new URL("live", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hash = url.search = "";
    const socket = new WebSocket(url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    let isGreeted = false;
    socket.onopen = () => {
      if (this.wantsToken) socket.send(getToken());
      this.isOpen = true;
      this.skipped = 0;
    };
    socket.onmessage = (event) => {
      isGreeted = true;
      this.take(event.data);
    };
    socket.onclose = (event) => {
      if (this.isOpen) this.lostAt = performance.now();
      this.isOpen = false;
      /* Without a greeting a token may be wanted that was not before. */
      const again = () => (event.code === REFUSED || !isGreeted ? this.begin() : this.connect());
      setTimeout(again, this.retryMs * (0.5 + Math.random()));
      this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
    };
  }

  /** @param {ArrayBuffer} data */
  take(data) {
    this.retryMs = RETRY_MIN_MS;
    for (const message of /** @type {any[]} */ (decode(data))) {
      if (message.kind === "hello") this.hello = message;
      else if (message.kind === "skipped") this.noteSkipped(message.messages);
      else if (message.kind === "samples" || message.kind === "pulse") this.newestAt = performance.now();
      this.dispatchEvent(new CustomEvent(message.kind, { detail: message }));
    }
  }

  /** @param {number} messages */
  noteSkipped(messages) {
    this.skipped = (this.wasSkipped() ? this.skipped : 0) + messages;
    this.skippedAt = performance.now();
  }

  wasSkipped() {
    return this.skipped > 0 && performance.now() - this.skippedAt < SKIPPED_MS;
  }

  /** What a person should know: a key of i18n.js and its blanks. @returns {[string, Record<string, number>]} */
  state() {
    const now = performance.now();
    if (!this.isOpen) {
      return this.lostAt ? ["lost", { seconds: Math.round((now - this.lostAt) / 1000) }] : ["connecting", {}];
    }
    if (!this.newestAt) return ["quiet", {}];
    if (now - this.newestAt > OLD_AFTER_MS) return ["old", { seconds: Math.round((now - this.newestAt) / 1000) }];
    return this.wasSkipped() ? ["skipped", { messages: this.skipped }] : ["live", {}];
  }
}
