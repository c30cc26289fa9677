#!/bin/sh
# Put the packages of the given requirements file into .venv, which is made when it is missing.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || {
    echo "ClawChat needs Python 3.11 or newer, and '$python' is not that. Name another: make PYTHON=/path/to/python3" >&2
    exit 1
}
if ! .venv/bin/python -m pip --version > /dev/null 2>&1; then
    if ! "$python" -c 'import ensurepip' 2> /dev/null; then # Debian keeps it in a package of its own
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        why=$(scripts/apt_install.sh "$package") || {
            echo "Python's venv module is missing, and $why. By hand: sudo apt install $package" >&2
            exit 1
        }
    fi
    "$python" -m venv --clear .venv
fi
echo "Installing the Python packages of $1 into .venv."
.venv/bin/python -m pip install -qq --disable-pip-version-check --requirement "$1"
