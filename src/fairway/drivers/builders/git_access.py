"""How git signs in: keys and passwords lie in files of their own (mode 0600), and are never in an argument or a variable.

Git is pointed at two small programs in a private folder: one starts ssh with Fairway's options (``GIT_SSH``), one answers
git's questions (``GIT_ASKPASS``). They are Python files, not shell scripts, so that no shell ever parses text of a user;
they read what they need from files beside them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairway.drivers.builders.git_url import GitUrl
from fairway.drivers.builders.surroundings import build_environment
from fairway.shared.hostnames import registry_in

HTTPS = 443

_START_SSH = """#!{python} -IS
import json, os, sys
options = json.load(open({options!r}))
os.execvp("ssh", ["ssh", *options, *sys.argv[1:]])
"""
_ANSWER = """#!{python} -IS
import re, sys
asked = re.fullmatch("(Username|Password) for 'https://(?:[^@/']*@)?([^@/']*)/?': ?", sys.argv[1])
if asked is None or asked[2].lower() not in {hosts!r}:
    sys.exit(1)  # another host asks: it gets nothing
sys.stdout.write(open({username!r} if asked[1] == "Username" else {password!r}).read())
"""
_NEVER_ASK = (
    *("-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
    *("-o", "ForwardAgent=no", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no", "-o", "ControlPath=none"),
    *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15"),
)


@dataclass(frozen=True)
class SignIn:
    """A user name and a token (or password) for one Git server over https. `host` may include a port."""

    host: str
    username: str
    secret: str = field(repr=False)

    def fits(self, url: GitUrl) -> bool:
        """Whether it is for the server of `url`. It is sent to no other server."""
        return url.scheme == "https" and registry_in(self.host) == registry_in(f"{url.host}:{url.port}")


def git_environment(
    folder: Path,
    url: GitUrl,
    *,
    deploy_key: str | None,
    known_hosts: Path | None,
    pinned: str | None,
    sign_in: SignIn | None = None,
    ours: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Git's environment for one fetch. Its helper programs and secrets are written into `folder`, which is private and
    deleted afterwards.

    With `known_hosts`, host keys are checked against that file, and the keys of new hosts are added to it; without it, the
    key of a new host is trusted for this fetch. A key that differs from the one in the file is refused. `pinned` is the IP
    address to connect to. `ours` replaces the environment of this process.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    passed = build_environment(folder / "home", ours)
    environment = {name: value for name, value in passed.items() if not name.startswith(("UV_", "NPM_", "CI"))}
    environment |= {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_ASKPASS": str(_askpass(folder, url, sign_in)),
    }
    if url.scheme == "ssh":
        environment |= {"GIT_SSH": str(_ssh(folder, url, deploy_key, known_hosts, pinned)), "GIT_SSH_VARIANT": "ssh"}
    return environment


def _askpass(folder: Path, url: GitUrl, sign_in: SignIn | None) -> Path:
    username, password = (sign_in.username, sign_in.secret) if sign_in else (url.username, url.password or url.username)
    names = {"username": folder / "username", "password": folder / "password"}
    _write(names["username"], username or ("token" if password else ""))  # most forges check only the token
    _write(names["password"], password)
    paths = {name: str(path) for name, path in names.items()}
    shown = f"[{url.host}]" if ":" in url.host else url.host
    hosts = [f"{shown}:{url.port}", *([shown] if url.port == HTTPS else [])]
    return _program(folder / "answer", _ANSWER.format(python=sys.executable, hosts=hosts, **paths))


def _ssh(folder: Path, url: GitUrl, deploy_key: str | None, known_hosts: Path | None, pinned: str | None) -> Path:
    options = [*_NEVER_ASK, "-o", f"UserKnownHostsFile={known_hosts or folder / 'known_hosts'}"]
    options += ["-o", "StrictHostKeyChecking=accept-new"]
    if deploy_key:
        _write(folder / "key", deploy_key.replace("\r\n", "\n").strip() + "\n")
        options += ["-i", str(folder / "key")]
    else:
        options += ["-o", "PubkeyAuthentication=no"]
    if pinned:
        options += ["-o", f"HostName={pinned}", "-o", f"HostKeyAlias={url.host}"]
    _write(folder / "ssh.json", json.dumps(options))
    return _program(folder / "ssh", _START_SSH.format(python=sys.executable, options=str(folder / "ssh.json")))


def _write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _program(path: Path, text: str) -> Path:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o700), "w") as file:
        file.write(text)
    return path
