"""What ties a browser that comes back from a sign-in provider to the sign-in it began: kept in its session, used once.

Nobody else's browser has it, so that nobody can be signed in as somebody else by a link (login CSRF), and an answer that was
used, or seen, by another works nowhere.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpRequest

if TYPE_CHECKING:
    from fairway.drivers.identity.contract import Proof

KEY = "sign_in_with_provider"
SECONDS = 600  # within which a person must come back
MOST = 5  # begun in one browser, in several tabs


@dataclass(frozen=True)
class Begun:
    """A sign-in that was begun. `user` is the id of the person who connects a provider to their account, `invitation` the
    number of the invitation that is accepted with it; both None to sign in."""

    provider: str
    proof: Proof
    next: str
    user: int | None = None
    invitation: int | None = None


def begin(request: HttpRequest, begun: Begun) -> None:
    kept, proof = _kept(request), begun.proof
    kept[proof.state] = {**asdict(proof), "provider": begun.provider, "next": begun.next, "at": time.time()}
    kept[proof.state] |= {"user": begun.user, "invitation": begun.invitation}
    request.session[KEY] = dict(sorted(kept.items(), key=lambda one: one[1]["at"])[-MOST:])


def take(request: HttpRequest, provider: str, state: str) -> Begun | None:
    """The sign-in with this state, which is forgotten at once; None if this browser did not begin it with this provider, it
    took too long, or it was taken before, also by a request at the same moment."""
    kept = _kept(request)
    found = kept.pop(state, None)
    if found is None:
        return None
    request.session[KEY] = kept
    request.session.save()  # before the provider is asked, which takes time
    key = f"sign-in-taken:{hashlib.sha256(state.encode()).hexdigest()}"
    if found["provider"] != provider or not cache.add(key, 1, SECONDS):
        return None
    from fairway.drivers.identity.contract import Proof

    proof = Proof(state, found["nonce"], found["verifier"])
    return Begun(provider, proof, found["next"], found["user"], found.get("invitation"))


def _kept(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """Those that are not too old."""
    kept = request.session.get(KEY, {})
    return {state: one for state, one in kept.items() if 0 <= time.time() - one["at"] <= SECONDS}
