"""Local authorisation list and authorisation cache as parts of a station: messages, switches, what survives."""

from __future__ import annotations

from collections.abc import Mapping

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import EVERY, TWO, Grant, Handlers, Host, Token
from twin.network.virtual.parts.known_tokens import (
    ACCEPTED,
    AuthorisationCache,
    LocalList,
    TokenInfo,
    read_info,
)
from twin.network.virtual.parts.plain import PlainPart, status
from twin.network.virtual.parts.standard import (
    CACHE,
    CACHE_LIFETIME,
    LIST,
    LIST_LENGTH,
    LIST_MOST,
    LIST_PER_MESSAGE,
)

CACHE_TABLE, LIST_TABLE = "token-cache", "token-list"
CACHE_SIZE = 500
"""Tokens that are remembered."""


class KnownTokens(PlainPart):
    """Implements `Tokens`.

    Args:
        host: The station; its variables are defined already.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.list = LocalList(host.variables.integer(LIST_MOST), host.variables.integer(LIST_PER_MESSAGE))
        self.cache = AuthorisationCache(CACHE_SIZE)
        epoch_ns = host.clock.epoch_ns
        for _, image in host.store.rows(LIST_TABLE):
            self.list.restore(image, epoch_ns)
        for token, (info, expires_s) in host.store.rows(CACHE_TABLE):
            self.cache.put(token, read_info(info, epoch_ns)._replace(expires_s=expires_s), 0.0)
        self._count()

    def handlers(self) -> Handlers:
        """SendLocalList, GetLocalListVersion, ClearCache."""
        return {
            (Version.V16, "SendLocalList"): self._send_list_16,
            (Version.V16, "GetLocalListVersion"): self._version_16,
            **{(version, "SendLocalList"): self._send_list_2 for version in TWO},
            **{(version, "GetLocalListVersion"): self._version_2 for version in TWO},
            **{(version, "ClearCache"): self._clear_cache for version in EVERY},
        }

    def listed(self, token: Token, /) -> Grant | None:
        """See `Tokens.listed`."""
        on = self.host.variables.flag(LIST)
        return self._grant(self.list.find(token.text)) if on else None

    def cached(self, token: Token, /) -> Grant | None:
        """See `Tokens.cached`."""
        on = self.host.variables.flag(CACHE)
        return self._grant(self.cache.find(token.text)) if on else None

    def _grant(self, known: TokenInfo | None) -> Grant | None:
        if known is None:
            return None
        now = known.at(self.host.now_s)
        return Grant(now == ACCEPTED, now, known.group, known.info)

    def learnt(self, token: Token, info: Payload, /) -> None:
        """See `Tokens.learnt`; what cannot be read (an expiry that is no instant) is not kept."""
        variables = self.host.variables
        if not variables.flag(CACHE) or not token.text:
            return
        self.cache.lifetime_s = variables.number(CACHE_LIFETIME) or None
        try:
            known = read_info(info, self.host.clock.epoch_ns)
        except ValueError:
            return
        gone = self.cache.put(token.text, known, self.host.now_s)
        kept = self.cache.find(token.text)
        assert kept is not None
        self.host.store.put(CACHE_TABLE, token.text.casefold(), [kept.info, kept.expires_s])
        for other in gone:
            self.host.store.drop(CACHE_TABLE, other)

    def forget(self, token: str) -> bool:
        """Drop a token from the cache (N10: clear customer information); whether it was there."""
        self.host.store.drop(CACHE_TABLE, token.casefold())
        return self.cache.forget(token)

    def _send_list_16(self, payload: Payload) -> Answer:
        entries = payload.get("localAuthorizationList") or []
        named = [(entry["idTag"], entry.get("idTagInfo")) for entry in entries]
        if not self.host.variables.flag(LIST):
            return {"status": "NotSupported"}
        return {"status": self._update(payload["updateType"], payload["listVersion"], named)}

    def _send_list_2(self, payload: Payload) -> Answer:
        entries = payload.get("localAuthorizationList") or []
        named = [(entry["idToken"]["idToken"], entry.get("idTokenInfo")) for entry in entries]
        if not self.host.variables.flag(LIST):
            return status("Failed", "NotEnabled")
        return status(self._update(payload["updateType"], payload["versionNumber"], named))

    def _update(self, kind: str, version: int, named: list[tuple[str, Payload | None]]) -> str:
        try:
            changes = {
                token: None if info is None else read_info(info, self.host.clock.epoch_ns)
                for token, info in named
            }
        except ValueError:
            return "Failed"
        if len({token.casefold() for token, _ in named}) < len(named):
            return "Failed"  # a token twice: which of both counts is not said
        done = self.list.update(kind, version, changes)
        if done == "Accepted":
            image: Mapping[str, object] = self.list.image()
            self.host.store.put(LIST_TABLE, "list", dict(image))
            self._count()
        return done

    def _count(self) -> None:
        self.host.variables.write(LIST_LENGTH, str(len(self.list)))

    def _version_16(self, _payload: Payload) -> Answer:
        """-1: no list is supported (1.6 5.10)."""
        return {"listVersion": self.list.version if self.host.variables.flag(LIST) else -1}

    def _version_2(self, _payload: Payload) -> Answer:
        return {"versionNumber": self.list.version if self.host.variables.flag(LIST) else 0}

    def _clear_cache(self, _payload: Payload) -> Answer:
        """Rejected where there is no cache (C11.FR.04)."""
        if not self.host.variables.flag(CACHE):
            return {"status": "Rejected"}
        self.cache.clear()
        for token, _ in list(self.host.store.rows(CACHE_TABLE)):
            self.host.store.drop(CACHE_TABLE, token)
        return {"status": "Accepted"}
