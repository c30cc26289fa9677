#!/bin/sh
# Install the programs the tests drive (Debian package names as arguments) when they are missing and we may.
# What cannot be had is only named here: the tests that need it skip, and with CI=1 a skip is a failure.
set -eu
cd "$(dirname "$0")/.."

present() {
    case $1 in
        chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
        postgresql) command -v initdb || ls /usr/lib/postgresql/*/bin/initdb ;;
        iproute2) PATH=$PATH:/usr/sbin:/sbin command -v ip ;;
        nftables) PATH=$PATH:/usr/sbin:/sbin command -v nft ;;
        miniupnpd) PATH=$PATH:/usr/sbin:/sbin command -v miniupnpd ;;
        libnss3-tools) command -v certutil ;;
        *) command -v "$1" ;;
    esac > /dev/null 2>&1
}

for tool in "$@"; do
    present "$tool" && continue
    packages=$tool
    [ "$tool" = chromium ] && packages="chromium fonts-liberation"
    [ "$tool" = gcc ] && packages="gcc libc6-dev"
    # shellcheck disable=SC2086  # two words are two packages
    why=$(scripts/apt_install.sh $packages) && continue
    echo "Tests that need $tool are skipped: $why. By hand: sudo apt install $tool"
done
