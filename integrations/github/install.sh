#!/usr/bin/env bash
# Makes the command line available: a fairway on the PATH, or one that pip installs into a folder of this job.
set -euo pipefail
if command -v fairway >/dev/null; then
  exit 0
fi
# GitHub fetches the whole repository of an action, so this action's own version lies beside it.
package=${FAIRWAY_PACKAGE:-$(cd "$(dirname "$0")/../.." && pwd)}
place=$RUNNER_TEMP/fairway-cli
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fairway needs Python 3.11 or newer: add actions/setup-python before this step." >&2; exit 1; }
python3 -m venv "$place"
"$place/bin/pip" install --quiet --disable-pip-version-check -- "$package"
echo "$place/bin" >> "$GITHUB_PATH"
