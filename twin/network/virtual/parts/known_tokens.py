"""What a station knows of tokens by itself: the local authorisation list and the authorisation cache.

Tokens are compared without regard to case (1.6: CiString, 2.x: identifierString).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal, NamedTuple

from twin.network.clock import from_wire
from twin.network.ocpp.wire.link import Payload

ACCEPTED = "Accepted"


class TokenInfo(NamedTuple):
    """What was said about a token."""

    status: str
    """`Accepted`, `Blocked`, `Expired`, `Invalid`, … as on the wire."""
    expires_s: float | None
    """expiryDate (1.6) or cacheExpiryDateTime (2.x); None: never."""
    group: str
    """parentIdTag or groupIdToken; empty: none."""
    info: Payload
    """idTagInfo or idTokenInfo as it came."""

    def at(self, now_s: float) -> str:
        """Return the status at an instant: what was accepted and has expired is `Expired`."""
        expired = self.expires_s is not None and now_s >= self.expires_s
        return "Expired" if expired and self.status == ACCEPTED else self.status


def read_info(info: Payload, epoch_ns: int) -> TokenInfo:
    """Read an idTagInfo (1.6) or an idTokenInfo (2.x).

    Raises:
        ValueError: Its expiry is no instant.
    """
    expiry = info.get("expiryDate") or info.get("cacheExpiryDateTime")
    group = info.get("parentIdTag") or (info.get("groupIdToken") or {}).get("idToken", "")
    expires_s = None if expiry is None else from_wire(epoch_ns, expiry).t_s
    return TokenInfo(info["status"], expires_s, group, info)


UpdateStatus = Literal["Accepted", "Failed", "VersionMismatch"]


class LocalList:
    """The local authorisation list: the central system alone decides what stands there.

    Args:
        capacity: Most entries (LocalAuthListMaxLength; `Entries.maxLimit` in 2.x).
        per_message: Most entries in one update (SendLocalListMaxLength; ItemsPerMessage).
    """

    def __init__(self, capacity: int, per_message: int) -> None:
        self.capacity, self.per_message = capacity, per_message
        self.version = 0
        """0: empty (2.x D02; 1.6 5.9)."""
        self._infos: dict[str, TokenInfo] = {}

    def __len__(self) -> int:
        return len(self._infos)

    def find(self, token: str) -> TokenInfo | None:
        """Return what the list says of a token; None: nothing."""
        return self._infos.get(token.casefold())

    def update(self, kind: str, version: int, changes: Mapping[str, TokenInfo | None]) -> UpdateStatus:
        """Obey SendLocalList: all of it, or nothing where it cannot be taken.

        Args:
            kind: `Full` replaces the list, `Differential` changes it.
            version: Of the list afterwards; above the present one for a differential update
                (1.6 5.15, 2.x D01).
            changes: By token; None removes it. In a full list None has nothing to remove and is a failure.
        """
        keyed = {token.casefold(): info for token, info in changes.items()}
        if version <= 0 or len(changes) > self.per_message:
            return "Failed"
        if kind == "Differential" and version <= self.version:
            return "VersionMismatch"
        if kind == "Full" and None in keyed.values():
            return "Failed"
        infos = dict(self._infos) if kind == "Differential" else {}
        for token, info in keyed.items():
            if info is None:
                infos.pop(token, None)
            else:
                infos[token] = info
        if len(infos) > self.capacity:
            return "Failed"
        self._infos, self.version = infos, version
        return "Accepted"

    def image(self) -> dict[str, object]:
        """Return what outlives a reboot, plain JSON."""
        return {"version": self.version, "tokens": {token: i.info for token, i in self._infos.items()}}

    def restore(self, image: Mapping[str, object], epoch_ns: int) -> None:
        """Take back what `image` returned."""
        self.version, self._infos = _read_image(image, epoch_ns)


class AuthorisationCache:
    """The last answers to Authorize: the station's own memory, the longest unused gives way.

    Args:
        capacity: Most tokens.
        lifetime_s: How long an entry without expiry counts (2.x AuthCacheCtrlr.LifeTime); None: for ever.
    """

    def __init__(self, capacity: int, lifetime_s: float | None = None) -> None:
        self.capacity, self.lifetime_s = capacity, lifetime_s
        self._infos: OrderedDict[str, TokenInfo] = OrderedDict()

    def __len__(self) -> int:
        return len(self._infos)

    def find(self, token: str) -> TokenInfo | None:
        """Return what was last said of a token; None: nothing."""
        key = token.casefold()
        if key in self._infos:
            self._infos.move_to_end(key)
        return self._infos.get(key)

    def put(self, token: str, info: TokenInfo, now_s: float) -> tuple[str, ...]:
        """Remember an answer of any status (1.6 3.4.1, 2.x C10); return the tokens that gave way.

        Args:
            token: Whose.
            info: What was said.
            now_s: When; without an expiry of its own it counts for `lifetime_s` from here (C10).
        """
        if info.expires_s is None and self.lifetime_s is not None:
            info = info._replace(expires_s=now_s + self.lifetime_s)
        key = token.casefold()
        self._infos[key] = info
        self._infos.move_to_end(key)
        return tuple(self._infos.popitem(last=False)[0] for _ in range(len(self._infos) - self.capacity))

    def forget(self, token: str) -> bool:
        """Drop one token (C10 and customer information); whether it was there."""
        return self._infos.pop(token.casefold(), None) is not None

    def clear(self) -> None:
        """Obey ClearCache."""
        self._infos.clear()


def _read_image(image: Mapping[str, object], epoch_ns: int) -> tuple[int, dict[str, TokenInfo]]:
    version, tokens = image["version"], image["tokens"]
    assert isinstance(version, int)
    assert isinstance(tokens, Mapping)
    return version, {token: read_info(info, epoch_ns) for token, info in tokens.items()}
