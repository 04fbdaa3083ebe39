"""Brings this machine what the tests need beyond Python: Debian packages, when we are root; else says what will be skipped.

Run by ``make test`` (``python -m tests.machine``). Installs only what is missing and starts nothing: every test starts,
and stops, the services it needs itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# program → Debian package
NEEDED = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "docker-registry": "docker-registry",
    "chromium-headless-shell": "chromium-headless-shell",
    "msgfmt": "gettext",
    "xgettext": "gettext",
    "node": "nodejs",
    "npm": "npm",
    "postgres": "postgresql",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ip": "iproute2",
    "git": "git",
    "prometheus": "prometheus",
    "rsync": "rsync",  # gitlab-ci-local copies with it
}
FONTS = "fonts-dejavu-core"


def main() -> int:
    missing = sorted({package for program, package in NEEDED.items() if not _find(program)})
    if not missing:
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"Not installed, and we are not root on Debian: {', '.join(missing)}. What needs them is skipped by name.")
        return 0
    print(f"Installing {', '.join(missing)} …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, FONTS],
    ):
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            print(done.stdout[-4000:])
            print(f"{' '.join(command[:2])} failed; going on with what is here.")
    return 0


def _find(program: str) -> bool:
    places = ["/usr/sbin", "/sbin", "/usr/local/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    return shutil.which(program) is not None or shutil.which(program, path=os.pathsep.join(places)) is not None


if __name__ == "__main__":
    sys.exit(main())
