#!/bin/sh
# Run one vector file through both implementations, and fail when either fails.
set -u
file=${1:-}
if [ ! -f "$file" ]; then
    echo "No such vector file: '$file'. Name one: make vectors FILE=path/to/vectors.json" >&2
    exit 2
fi
status=0
.venv/bin/python "$(dirname "$0")/../tests/vectors/run.py" "$file" || status=1
node "$(dirname "$0")/../tests/vectors/run.mjs" "$file" || status=1
exit $status
