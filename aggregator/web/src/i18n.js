// SPDX-License-Identifier: Apache-2.0
//
// Texts in English and Japanese. A text may have {blanks}. Names of the field (SYN, Mirai) stay.

/** @type {Record<string, [string, string]>} */
const TEXTS = {
  skip: ["Skip to the view", "本文へ"],
  views: ["views", "表示"],
  atlas: ["Atlas", "アトラス"],
  cube: ["Cube", "キューブ"],
  tiles: ["Tiles", "タイル"],
  stats: ["Stats", "統計"],
  sensors: ["Sensors", "センサー"],
  pause: ["Pause", "一時停止"],
  resume: ["Resume", "再開"],
  wall: ["Wall", "全画面巡回"],
  wallOff: ["Leave wall", "巡回を終了"],
  signIn: ["Sign in", "サインイン"],
  signInHelp: ["This aggregator wants its token (http.token_file). It is kept until this tab is closed.",
    "このアグリゲーターにはトークン（http.token_file）が必要です。タブを閉じるまで保持されます。"],
  token: ["Token", "トークン"],
  tokenWrong: ["That was not the token.", "トークンが違います。"],
  light: ["Light", "明るく"],
  dark: ["Dark", "暗く"],
  language: ["Language", "言語"],
  rate: ["{packets} packets/s", "{packets} パケット/秒"],
  live: ["live", "受信中"],
  connecting: ["connecting …", "接続中…"],
  lost: ["connection lost {seconds} s ago; trying again", "{seconds} 秒前に切断、再接続中"],
  old: ["data is {seconds} s old", "最新データは {seconds} 秒前"],
  quiet: ["connected; no packets yet", "接続済み、パケット待ち"],
  skipped: ["slow connection: {messages} messages skipped", "低速接続: {messages} 件を省略"],
  noWebgl: ["No WebGL here: a flat map instead.", "WebGL が使えないため平面地図を表示しています。"],
  atlasHelp: [
    "A globe. Each line is a packet on its way from the country of its source to the telescope; the colour is its type, the height its service port. Drag or use the arrow keys to turn it, + and - to zoom; click a country to see only its packets, Escape for all.",
    "地球儀。線は送信元の国から観測点へ向かうパケットです。色は種類、高さはサービスポートを表します。ドラッグか矢印キーで回転、+ と - で拡大縮小、国をクリックするとその国だけを表示、Esc で解除します。",
  ],
  cubeHelp: [
    "Left the sources, right the telescope; upwards the address, to the back the port. A scan of many ports of one address draws a horizontal line on the right, a scan of one port on many addresses a vertical one.",
    "左が送信元、右が観測網。縦は IP アドレス、奥行きはポート番号です。1 アドレスへのポートスキャンは右面に横線を、1 ポートの広域スキャンは縦線を描きます。",
  ],
  cubeSource: ["sources: address", "送信元アドレス"],
  cubeTelescope: ["telescope: address (permuted)", "観測アドレス（置換済み）"],
  cubePort0: ["port 0", "ポート 0"],
  cubePortMax: ["port 65535", "ポート 65535"],
  tilesHelp: [
    "The busiest sources of the last 30 seconds. Each dot is a packet: time to the right, port upwards.",
    "直近 30 秒で最も多く送った送信元。点はパケットで、横が時刻、縦がポート番号です。",
  ],
  place: ["telescope", "観測網"],
  unplaced: ["telescope (its place is not configured)", "観測網（位置は未設定）"],
  only: ["only {what}", "{what} のみ"],
  all: ["Show all", "すべて表示"],
  country: ["Country", "国"],
  port: ["Port", "ポート"],
  type: ["Type", "種類"],
  class: ["Class", "分類"],
  signature: ["Signature", "シグネチャ"],
  device: ["Device", "機器"],
  sensor: ["Sensor", "センサー"],
  every: ["all", "すべて"],
  time: ["time", "時刻"],
  from: ["From", "開始"],
  to: ["To", "終了"],
  step: ["Step", "間隔"],
  auto: ["automatic", "自動"],
  period: ["Period", "期間"],
  lastHour: ["last hour", "直近1時間"],
  lastDay: ["last day", "直近1日"],
  lastWeek: ["last week", "直近1週間"],
  lastMonth: ["last 30 days", "直近30日"],
  whole: ["everything", "全期間"],
  chosen: ["as chosen", "指定期間"],
  survey: ["Survey scanners", "調査スキャナ"],
  surveyAll: ["with", "含む"],
  surveyNo: ["without", "除く"],
  surveyOnly: ["only them", "のみ"],
  figure: ["Figure", "値"],
  packets: ["packets", "パケット数"],
  hosts: ["hosts", "ホスト数"],
  bytes: ["bytes", "バイト数"],
  share: ["share", "割合"],
  rank: ["rank", "順位"],
  other: ["other", "その他"],
  total: ["total", "合計"],
  coverage: ["coverage", "観測率"],
  coverageOf: ["watched {percent} of the time", "観測率 {percent}"],
  hostsPeak: ["hosts, most in one window", "ホスト数（1 区間の最大）"],
  hostsEstimated: ["hosts (estimated)", "ホスト数（推定）"],
  show: ["Show", "表示"],
  csv: ["Download CSV", "CSV を保存"],
  link: ["Copy link", "リンクをコピー"],
  copied: ["copied", "コピーしました"],
  topPortsTcp: ["TCP ports", "TCP ポート"],
  topPortsUdp: ["UDP ports", "UDP ポート"],
  topCountries: ["Countries", "国"],
  byPackets: ["by packets", "パケット数順"],
  byHosts: ["by hosts", "ホスト数順"],
  change: ["change", "増減"],
  before: ["rank before", "前順位"],
  isNew: ["new", "新規"],
  beforeOf: ["in the period before {percent}", "前期間 {percent}"],
  lossOf: ["{percent} of the packets lost", "パケット損失 {percent}"],
  byHostsOnlyWith: ["Tables by hosts are made with survey scanners only.", "ホスト数順の表は調査スキャナを含む場合のみです。"],
  floors: ["≥: cells of few packets by port and country are not kept.", "≥: 少数パケットのポート・国別の値は保存されていません。"],
  notKept: ["not kept", "保存なし"],
  tokenForm: ["A token has letters, digits and signs of ASCII, without blanks.", "トークンは空白を含まない ASCII 文字です。"],
  zone: ["Time zone", "タイムゾーン"],
  noData: ["Nobody watched in this period.", "この期間の観測はありません。"],
  gap: ["nobody watched", "観測なし"],
  last: ["last window", "最新の区間"],
  watched: ["watched", "観測時間"],
  received: ["received", "受信"],
  dropped: ["dropped", "損失"],
  loss: ["loss", "損失率"],
  zoomHint: ["Drag over the chart to zoom, double click to go back.", "ドラッグで拡大、ダブルクリックで戻ります。"],
  failed: ["This could not be had: {why}", "取得できませんでした: {why}"],
};

/** @type {"en" | "ja"} */
let language = "en";

export function getLanguage() {
  return language;
}

/** @param {string | null} wanted */
export function setLanguage(wanted) {
  language = wanted === "ja" ? "ja" : "en";
  document.documentElement.lang = language;
}

/** @param {string} key @param {Record<string, string | number>} [blanks] */
export function text(key, blanks = {}) {
  const found = TEXTS[key]?.[language === "ja" ? 1 : 0] ?? key;
  return found.replace(/\{(\w+)\}/g, (_, name) => String(blanks[name] ?? ""));
}

/** @param {number} value */
export function number(value) {
  return value.toLocaleString(language === "ja" ? "ja-JP" : "en-US", { maximumFractionDigits: 0 });
}

/** Packets a second: of few with a decimal, and what was seen is not 0. @param {number} value */
export function rate(value) {
  if (value > 0 && value < 0.05) return "<0.1";
  return value < 9.95 ? value.toFixed(1) : number(value);
}

/** A change: +12.3%. @param {number} change 0 is none */
export function signed(change) {
  if (change >= 10) return `×${number(change + 1)}`;
  return `${change < 0 ? "−" : "+"}${(Math.abs(change) * 100).toFixed(1)}%`;
}

/** A share as NICTERWEB shows it: what would round to nothing is "<0.1%", not 0. @param {number} share 0 to 1 */
export function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1%";
  if (share > 0.999 && share < 1) return "99.9+%";
  return `${(share * 100).toFixed(1)}%`;
}
