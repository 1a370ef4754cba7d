#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# meson dist: puts the built page into the release.
set -eu
node "$MESON_SOURCE_ROOT/aggregator/web/build.mjs" "$MESON_DIST_ROOT/aggregator/web/prebuilt"
