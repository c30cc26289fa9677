#!/bin/sh
# Install Debian packages when we may. Otherwise print the reason, as half a sentence, and return 1.
set -u
if ! command -v apt-get > /dev/null; then
    echo "there is no apt-get here"
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=""
elif sudo -n true 2> /dev/null; then
    root="sudo -n"
else
    echo "only root may install packages"
    exit 1
fi
echo "Installing with apt: $*." >&2
$root apt-get update -qq > /dev/null 2>&1
if ! $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null 2>&1; then
    echo "apt-get could not install $*"
    exit 1
fi
