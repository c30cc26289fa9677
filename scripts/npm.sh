#!/bin/sh
# Put the packages of package-lock.json into node_modules. No package runs a script of its own here.
set -eu
cd "$(dirname "$0")/.."

node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2> /dev/null || {
    echo "ClawChat needs Node 20 or newer (node and npm)." >&2
    exit 1
}
echo "Installing the JavaScript packages into node_modules."
npm ci --ignore-scripts --no-audit --no-fund --no-progress --loglevel=error > /dev/null
