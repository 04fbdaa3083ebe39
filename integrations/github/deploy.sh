#!/usr/bin/env bash
# Signs in as this job, deploys, streams the log, and tells GitHub what came of it. Exit codes are those of fairway deploy.
set -euo pipefail
export XDG_CONFIG_HOME="$RUNNER_TEMP/fairway-account"
trap 'rm -rf "$XDG_CONFIG_HOME"' EXIT
unset FAIRWAY_TOKEN FAIRWAY_URL

if [ -n "$FAIRWAY_IMAGE" ]; then
  source=(--image "$FAIRWAY_IMAGE")
elif [ -n "$FAIRWAY_ARTIFACT" ]; then
  source=(--artifact "$FAIRWAY_ARTIFACT")
else
  source=(--path "$FAIRWAY_PATH")
fi
more=()
if [ "$FAIRWAY_WHEN_OPEN" = true ]; then
  more+=(--when-open)
fi

fairway login "$FAIRWAY_ADDRESS" --ci --app "$FAIRWAY_APPLICATION" --env "$FAIRWAY_ENVIRONMENT"
# What a build prints must not be taken for a command to the runner.
stop=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
echo "::stop-commands::$stop"
code=0
fairway deploy "$FAIRWAY_APPLICATION" --env "$FAIRWAY_ENVIRONMENT" "${source[@]}" --reason "$FAIRWAY_REASON" ${more[@]+"${more[@]}"} \
  --json > "$RUNNER_TEMP/fairway-deployment.json" || code=$?
echo "::$stop::"

python3 - "$RUNNER_TEMP/fairway-deployment.json" <<'PYTHON'
import json
import os
import sys

try:
    with open(sys.argv[1]) as file:
        one = json.load(file)
    values = {"deployment": str(int(one["id"])), "status": one["status"], "url": (one.get("urls") or [""])[0]}
except (ValueError, KeyError, TypeError):
    sys.exit()  # it was refused before there was a deployment; the command has said why
with open(os.environ["GITHUB_OUTPUT"], "a") as file:
    file.writelines(f"{name}={' '.join(value.split())}\n" for name, value in values.items())
page = f"{os.environ['FAIRWAY_ADDRESS'].rstrip('/')}/deployments/{values['deployment']}"
with open(os.environ["GITHUB_STEP_SUMMARY"], "a") as file:
    file.write(f"Deployment [#{values['deployment']}]({page}): **{values['status']}** {values['url']}\n")
PYTHON
exit "$code"
