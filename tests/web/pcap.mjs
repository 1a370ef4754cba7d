// SPDX-License-Identifier: Apache-2.0
//
// A capture file of SYNs, for tests that must know every packet.
const HEADER = 24, RECORD = 16, FRAME = 54;
const ETHERNET = 1, IPV4 = 0x0800, TCP = 6, SYN = 2;

const number = (/** @type {string} */ address) => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

/** @param {{time: number, from: string, to: string, port: number}[]} packets time in seconds @returns {Buffer} */
export function makePcap(packets) {
  const file = Buffer.alloc(HEADER + packets.length * (RECORD + FRAME));
  file.writeUInt32LE(0xa1b2c3d4, 0);
  file.writeUInt16LE(2, 4);
  file.writeUInt16LE(4, 6);
  file.writeUInt32LE(65535, 16);
  file.writeUInt32LE(ETHERNET, 20);
  packets.forEach(({ time, from, to, port }, i) => {
    let at = HEADER + i * (RECORD + FRAME);
    file.writeUInt32LE(Math.floor(time), at);
    file.writeUInt32LE(Math.floor((time % 1) * 1e6), at + 4);
    file.writeUInt32LE(FRAME, at + 8);
    file.writeUInt32LE(FRAME, at + 12);
    at += RECORD;
    file.writeUInt16BE(IPV4, at + 12);
    file.writeUInt8(0x45, at + 14);
    file.writeUInt16BE(40, at + 16);
    file.writeUInt8(64, at + 22);
    file.writeUInt8(TCP, at + 23);
    file.writeUInt32BE(number(from), at + 26);
    file.writeUInt32BE(number(to), at + 30);
    file.writeUInt16BE(40000, at + 34);
    file.writeUInt16BE(port, at + 36);
    file.writeUInt32BE(1, at + 38);
    file.writeUInt8(5 << 4, at + 46);
    file.writeUInt8(SYN, at + 47);
    file.writeUInt16BE(1024, at + 48);
  });
  return file;
}
