/* SPDX-License-Identifier: Apache-2.0
 *
 * Plain HTML: no script, no style, nothing fetched from anywhere.
 */
#include "page.h"

const char ds_page_html[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>darkscope</title></head><body>\n"
    "<h1>darkscope " DARKSCOPE_VERSION "</h1>\n"
    "<p>The aggregator of a darknet packet telescope. Sensors on unused address space send it "
    "statistics of the packets that arrive there; it stores them and answers questions in JSON."
    "</p>\n"
    "<dl>\n"
    "<dt><a href=\"/healthz\">/healthz</a></dt>"
    "<dd>is it well, who is connected (503 while it cannot store)</dd>\n"
    "<dt><a href=\"/api/v1/summary\">/api/v1/summary</a></dt>"
    "<dd>what was observed: packets, losses, coverage</dd>\n"
    "<dt><a href=\"/api/v1/top?by=ports\">/api/v1/top?by=ports</a></dt>"
    "<dd>the top ports; also by=countries, types, classes, protocols, signatures</dd>\n"
    "<dt><a href=\"/api/v1/query?port=23/tcp\">/api/v1/query?port=23/tcp</a></dt>"
    "<dd>a series over time of one port; also country=, class=, type=, signature=</dd>\n"
    "<dt><a href=\"/api/v1/sensors\">/api/v1/sensors</a></dt>"
    "<dd>the sensors and what each has seen</dd>\n"
    "<dt><a href=\"/api/v1/windows\">/api/v1/windows</a></dt>"
    "<dd>the stored windows; one of them whole: /api/v1/window?at=2026-01-01T00:00:00Z</dd>\n"
    "<dt><a href=\"/api/v1/seen?by=signatures\">/api/v1/seen?by=signatures</a></dt>"
    "<dd>when signatures, or ports, were first seen</dd>\n"
    "<dt><a href=\"/api/v1/sources\">/api/v1/sources</a>, "
    "<a href=\"/api/v1/attacks\">/api/v1/attacks</a></dt>"
    "<dd>the sources with most packets; attacks with spoofed sources</dd>\n"
    "<dt><a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a></dt>"
    "<dd>all of that for programs (OpenAPI)</dd>\n"
    "<dt><a href=\"/metrics\">/metrics</a></dt>"
    "<dd>the aggregator's own state, for Prometheus</dd>\n"
    "</dl>\n"
    "<p>Times are ISO 8601, in UTC or a zone: from=2026-01-01&amp;to=2026-01-02&amp;tz=Asia/Tokyo. "
    "On the command line: <code>darkscope --help</code>.</p>\n"
    "</body></html>\n";
