// SPDX-License-Identifier: Apache-2.0
//
// Questions to the aggregator (docs/query.md).
import { fetchWithToken } from "./token.js";

/** @param {string} kind @param {Record<string, string | number | null | undefined>} names @param {AbortSignal} [signal]
 * @returns {Promise<any>} */
export async function ask(kind, names = {}, signal) {
  const url = new URL(`api/v1/${kind}`, document.baseURI);
  url.hash = url.search = "";
  for (const [name, value] of Object.entries(names)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  const response = await fetchWithToken(url, { signal });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? answer.title ?? response.statusText);
  return answer;
}
