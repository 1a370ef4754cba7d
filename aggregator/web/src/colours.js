// SPDX-License-Identifier: Apache-2.0
//
// One colour a packet type, after NICTER's legend (SYN blue, SYN-ACK yellow, UDP red, ICMP white), of the palette of
// Okabe and Ito, which people of all kinds of colour vision can tell apart.

/** Order of enum ds_type: the names are those of `hello`. @type {Record<string, string>} */
export const TYPE_COLOURS = {
  tcp_syn: "#56b4e9",
  tcp_synack: "#f0e442",
  tcp_ack: "#009e73",
  tcp_push: "#7fd6b8",
  tcp_fin: "#cc79a7",
  tcp_rst: "#e69f00",
  tcp_other: "#b6a1e0",
  udp: "#d55e00",
  icmp: "#f5f5f5",
  other: "#8c8c8c",
};
/** As people write them. @type {Record<string, string>} */
export const TYPE_LABELS = {
  tcp_syn: "TCP SYN", tcp_synack: "TCP SYN-ACK", tcp_ack: "TCP ACK", tcp_push: "TCP PUSH", tcp_fin: "TCP FIN",
  tcp_rst: "TCP RST", tcp_other: "TCP other", udp: "UDP", icmp: "ICMP", other: "other",
};
export const TYPES = Object.keys(TYPE_COLOURS);

/** Lines of a chart, in order. */
export const LINES = ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2", "#999999"];

/** @param {string} hex @returns {[number, number, number]} 0 to 1 each */
export function rgb(hex) {
  const n = parseInt(hex.slice(1), 16);
  return [(n >> 16) / 255, ((n >> 8) & 255) / 255, (n & 255) / 255];
}

/** By number of the type. */
export const TYPE_RGB = TYPES.map((name) => rgb(TYPE_COLOURS[name]));
