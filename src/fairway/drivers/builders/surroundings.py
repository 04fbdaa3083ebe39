"""The environment of a build: a few named variables of this process, and nothing of Fairway's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fairway.shared.masking import Masker

# Variables, in lower case, that say how to reach package indexes. They may hold a password (in a URL): see `masker_for`.
PASSED_ON = frozenset(
    {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    | {"ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle", "node_extra_ca_certs", "git_ssl_cainfo"}
    | {
        "uv_index_url",
        "uv_extra_index_url",
        "uv_default_index",
        "uv_index",
        "uv_find_links",
        "uv_native_tls",
        "uv_system_certs",
    }
    | {"uv_offline", "uv_http_timeout", "uv_insecure_host", "uv_keyring_provider", "uv_config_file", "netrc"}
    | {"npm_config_registry", "npm_config_userconfig", "npm_config_cafile", "npm_config_proxy", "npm_config_https_proxy"}
    | {"npm_config_noproxy", "npm_config_nodedir", "npm_config_offline"}
)
FALLBACK_PATH = "/usr/local/bin:/usr/bin:/bin"


def build_environment(home: Path, ours: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a build: PATH without Fairway's own virtual environment, the private home `home`, and the
    variables for reaching package indexes. `ours` replaces the environment of this process."""
    ours = os.environ if ours is None else ours
    passed = {name: value for name, value in ours.items() if name.lower() in PASSED_ON and value}
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **_user_settings(ours),
        **passed,
        "PATH": machine_path(ours),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "CI": "1",
    }


def machine_path(ours: Mapping[str, str]) -> str:
    """This machine's PATH without the folders of Fairway's own virtual environment."""
    private = {str(Path(sys.prefix) / "bin"), str(Path(sys.executable).parent)} if sys.prefix != sys.base_prefix else set()
    folders = [folder for folder in ours.get("PATH", FALLBACK_PATH).split(":") if folder and folder not in private]
    return ":".join(folders) or FALLBACK_PATH


def masker_for(environment: Mapping[str, str]) -> Masker:
    """A masker of the passwords in URLs of the environment."""
    secrets: list[str] = []
    for value in environment.values():
        for word in value.split():
            password = _password(word)
            secrets += [password, unquote(password)] if password else []
    return Masker(secrets)


def _password(word: str) -> str:
    try:
        return urlsplit(word).password or ""
    except ValueError:
        return ""


def _user_settings(ours: Mapping[str, str]) -> dict[str, str]:
    """The operator's own settings of npm and uv, which would not be found in a private home."""
    home = Path(ours.get("HOME") or "/nonexistent")
    settings = {"NPM_CONFIG_USERCONFIG": home / ".npmrc", "UV_CONFIG_FILE": home / ".config" / "uv" / "uv.toml"}
    return {name: str(path) for name, path in settings.items() if path.is_file()}
