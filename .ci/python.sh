#!/usr/bin/env bash
# Checks clients/python: style, types, tests, the client suite, the wheel in an empty environment. Needs Python 3.10 or later, and
# what `npm ci` has installed. Takes about three minutes.
#
# SUITE=all: all scenarios of the client suite with both clients. PYTHONS: other versions, or paths of them, that run the tests
# without the suite, if they are there. Arguments go to pytest.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$HERE/clients/python"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
say() { printf 'python-ci: %s\n' "$*" >&2; }

# Only for this script: nothing of it stays in the checkout.
export PYTHONDONTWRITEBYTECODE=1 RUFF_CACHE_DIR=$WORK/ruff MYPY_CACHE_DIR=$WORK/mypy PIP_DISABLE_PIP_VERSION_CHECK=1
# uv does not look for a Python of its own on the internet.
export UV_PYTHON_DOWNLOADS=never
# pyright runs in Node: in that of npm ci.
export PATH=$HERE/node_modules/node/bin:$PATH

python3 -m venv "$WORK/tools"
"$WORK/tools/bin/pip" install -q "$(grep '^uv==' requirements-dev.txt)"
uv=$WORK/tools/bin/uv

# environment VERSION FOLDER
environment() {
  "$uv" venv -q --python "$1" "$2"
  "$uv" pip install -q --python "$2/bin/python" -r requirements-dev.txt
  # A copy, as it is installed: a build in the checkout would leave files.
  cp -r pyproject.toml README.md LICENSE src "$2/"
  "$uv" pip install -q --python "$2/bin/python" --no-deps --no-build-isolation "$2"
}

# Many tests only wait, so that there may be more of them than processors.
run_tests() { timeout 600 "$1/bin/python" -m pytest -p no:cacheprovider -n 4 "${@:2}"; }

say "Python $(python3 -c 'import platform; print(platform.python_version())')"
environment "$(command -v python3)" "$WORK/main"
bin=$WORK/main/bin

say 'style and types'
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy" --python-executable "$bin/python"
"$bin/pyright" --pythonpath "$bin/python"
say 'tests'
run_tests "$WORK/main" "$@"

for version in ${PYTHONS:-}; do
  if ! "$uv" python find -q "$version" >/dev/null 2>&1; then
    say "Python $version is not there: not run"
    continue
  fi
  say "Python $version"
  rm -rf "$WORK/other"
  environment "$version" "$WORK/other"
  run_tests "$WORK/other" --ignore-glob '*test_suite*' --deselect tests/test_package.py "$@"
done
say 'done'
