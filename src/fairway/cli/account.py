"""The URL of Fairway and the token to use: `FAIRWAY_URL` and `FAIRWAY_TOKEN`, else what `fairway login` stored."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fairway.cli.failures import BadInput

DEFAULT_URL = "http://localhost:8000"


@dataclass(frozen=True)
class Account:
    """One installation's URL and a token for it. The repr leaves the token out."""

    url: str
    token: str = field(repr=False, default="")


def account_file() -> Path:
    """``~/.config/fairway/cli.json``, or below ``XDG_CONFIG_HOME``."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "fairway" / "cli.json"


def current_account() -> Account:
    """The account that commands use. A stored token is only sent to the URL it was stored for."""
    stored = _stored()
    url = parse_url(os.environ["FAIRWAY_URL"]) if os.environ.get("FAIRWAY_URL") else stored.url
    token = os.environ.get("FAIRWAY_TOKEN", "").strip() or (stored.token if url == stored.url else "")
    return Account(url, token)


def parse_url(text: str) -> str:
    """An installation's URL without a path or a trailing slash. Raises `BadInput`."""
    url = text.strip()
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    if not is_good or parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(f"“{text[:80]}” is not an address.", advice="Write it like https://fairway.example.com.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def store(account: Account) -> Path:
    """Store the account atomically in a file that only its owner can read."""
    file = account_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".cli.{secrets.token_hex(6)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump({"url": account.url, "token": account.token}, out)
    os.replace(draft, file)
    return file


def delete_account() -> bool:
    """Delete the stored account; False if there was none."""
    try:
        account_file().unlink()
    except FileNotFoundError:
        return False
    return True


def _stored() -> Account:
    try:
        content = json.loads(account_file().read_text())
        return Account(str(content["url"]), str(content["token"]))
    except FileNotFoundError:
        return Account(DEFAULT_URL)
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{account_file()} cannot be read.", advice="Sign in again with “fairway login”.") from None
