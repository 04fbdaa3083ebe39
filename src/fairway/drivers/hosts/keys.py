"""A host's public key: how to fetch it, and the fingerprint by which people compare it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from typing import Final

from fairway.drivers.hosts.address import SshAddress
from fairway.drivers.hosts.reasons import Reason, Unreached, reason_of

SCAN_SECONDS: Final = 10
PREFERRED: Final = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_KEY = re.compile(r"(?P<kind>[a-z0-9-]{3,40}) (?P<blob>[A-Za-z0-9+/]{40,2000}={0,2})")


def scan(address: SshAddress, known: str = "") -> str:
    """The key that a host shows now, ``ssh-ed25519 AAAA…``: `known` if the host still has it, else its key of the preferred
    kind. The key is not trusted by this. Raises `Unreached`."""
    argv = ["ssh-keyscan", "-T", str(SCAN_SECONDS), "-p", str(address.port), "-t", "ed25519,ecdsa,rsa", "--", address.host]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, env=ssh_environment(), timeout=3 * SCAN_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise Unreached(Reason.NO_SSH, str(error)) from None
    except subprocess.TimeoutExpired:
        raise Unreached(Reason.SILENT) from None
    found = shown_keys(done.stdout)
    if not found:
        raise Unreached(reason_of(done.stderr) if done.stderr.strip() else Reason.SILENT, done.stderr.strip()[-500:])
    return known if known in found else found[0]


def ssh_environment() -> dict[str, str]:
    """The environment of ssh's programs: only the search path, so that they find neither an agent nor a display to ask for a
    passphrase."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def shown_keys(output: str) -> list[str]:
    """The keys in the output of ``ssh-keyscan``, the preferred kind first."""
    lines = [line.partition(" ")[2].strip() for line in output.splitlines() if not line.startswith("#")]
    keys = [line for line in lines if (found := _KEY.fullmatch(line)) and found["kind"] in PREFERRED]
    return sorted(keys, key=lambda key: PREFERRED.index(key.partition(" ")[0]))


def fingerprint(key: str) -> str:
    """The fingerprint of a public key, ``SHA256:…`` as ``ssh-keygen -l`` prints it; "" if `key` is not one."""
    parts = key.split()
    if len(parts) < 2:
        return ""
    digest = hashlib.sha256(base64.b64decode(parts[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def known_hosts_line(address: SshAddress, key: str) -> str:
    return f"{address.known_as} {key}\n"
