"""Authorize in 1.6 and 2.x, and who decides: control where it wants to, else the table of tokens."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from twin.domain.journal import Entry
from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.tokens import STREAM, Token, Tokens, clean_tag
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload

NO_TOKEN = "NoAuthorization"  # noqa: S105  (a type of token of 2.x, nothing secret)
_BY_US = frozenset({NO_TOKEN})
GRANT_S = 900.0
"""How long a token that was authorised may start a transaction without being judged again."""


class Authoriser(Protocol):
    """Control at the seam: it may decide who charges."""

    def decide(self, station: Station, evse: int | None, token: str, /) -> Awaitable[bool] | bool | None:
        """Whether a token may start; `evse` None: not said yet. None: the table of tokens decides.

        An awaitable holds the answer back until control has planned; no other message waits for it.
        """
        ...


class Verdict(NamedTuple):
    """What a token got."""

    status: str
    """As in 2.x; 1.6 is spelt by `Tokens.info_16`."""

    @property
    def accepted(self) -> bool:
        """Whether energy may flow."""
        return self.status == "Accepted"


ACCEPTED = Verdict("Accepted")
CheckCertificate = Callable[[Station, Payload], str]
"""(station, Authorize payload) to AuthorizeCertificateStatusEnumType."""


class Authorisation:
    """Implements `Part`.

    Args:
        desk: Clock, journal, stations.
        tokens: The table.
        authoriser: Control; None: the table decides alone.
        check_certificate: Says what a contract certificate is worth; None: none is known here.
    """

    name = "token"

    def __init__(
        self,
        desk: Desk,
        tokens: Tokens,
        authoriser: Authoriser | None = None,
        check_certificate: CheckCertificate | None = None,
    ) -> None:
        self.desk = desk
        self.tokens = tokens
        self.authoriser = authoriser
        self.check_certificate = check_certificate
        self._granted: dict[tuple[str, str], float] = {}
        self.in_use: Callable[[str], bool] = _never
        """Whether a token (case folded) has an open transaction; the ledger of transactions says so."""

    def handlers(self) -> Handlers:
        """Authorize."""
        return {
            (Version.V16, "Authorize"): self._authorize_16,
            (Version.V201, "Authorize"): self._authorize_2,
            (Version.V21, "Authorize"): self._authorize_2,
        }

    def connected(self, station: Station) -> None:
        """Nothing depends on the connection."""

    def accepted(self, station: Station) -> None:
        """Nothing depends on the boot."""

    def disconnected(self, station: Station) -> None:
        """A grant stays good: the station was told."""

    def restore(self, entry: Entry) -> None:
        """Take back tokens and grants."""
        if entry.stream == STREAM:
            self.tokens.restore(entry)
        elif entry.kind == "token.granted":
            granted_s = entry.body["granted"]
            assert isinstance(granted_s, int | float)
            self._granted[entry.stream, str(entry.body["token"])] = granted_s
        else:
            self._granted.pop((entry.stream, str(entry.body["token"])), None)

    def grant(self, station: Station, token: str) -> None:
        """Let a token start a transaction at a station without being asked again (remote start, Authorize)."""
        key, now_s = (station.identity, token.casefold()), self.desk.clock.now_s
        self._granted[key] = now_s
        self.desk.journal.append(station.identity, "token.granted", {"token": key[1], "granted": now_s})

    def start(
        self, station: Station, evse: int | None, token: str, kind: str = ""
    ) -> Verdict | Awaitable[Verdict]:
        """Decide about the token of a transaction that starts; a grant from before is used up."""
        if kind in _BY_US:
            return ACCEPTED
        key = (station.identity, token.casefold())
        granted_s = self._granted.pop(key, None)
        if granted_s is not None:
            self.desk.journal.append(station.identity, "token.used", {"token": key[1]})
            if self.desk.clock.now_s - granted_s <= GRANT_S:
                return ACCEPTED
        return self.judge(station, evse, token, kind)

    def judge(
        self, station: Station, evse: int | None, token: str, kind: str = ""
    ) -> Verdict | Awaitable[Verdict]:
        """Ask control, and the table where control does not mind."""
        answer = None if self.authoriser is None else self.authoriser.decide(station, evse, token)
        if answer is None:
            return self._by_table(station, token, kind)
        if inspect.isawaitable(answer):
            return _awaited(answer)
        return ACCEPTED if answer else Verdict("Invalid")

    def _by_table(self, station: Station, token: str, kind: str) -> Verdict:
        status: str = self.tokens.status(token, kind)
        found: Token | None = self.tokens.find(token, kind)
        if status == "Accepted" and found is not None and found.master:
            return ACCEPTED  # stops transactions; a station starts none with it (C16.FR.03)
        if status == "Accepted" and station.version is Version.V16 and self.in_use(token.casefold()):
            return Verdict("ConcurrentTx")
        return Verdict(status)

    def _authorize_16(self, station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
        tag = clean_tag(payload["idTag"])
        verdict = self.judge(station, None, tag)
        if isinstance(verdict, Verdict):
            return self._answer_16(station, tag, verdict)
        return self._later_16(station, tag, verdict)

    async def _later_16(self, station: Station, tag: str, verdict: Awaitable[Verdict]) -> Payload:
        return self._answer_16(station, tag, await verdict)

    def _answer_16(self, station: Station, tag: str, verdict: Verdict) -> Payload:
        if verdict.accepted:
            self.grant(station, tag)
        return {"idTagInfo": self.tokens.info_16(tag, verdict.status)}

    def _authorize_2(self, station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
        token = payload["idToken"]
        text, kind = token["idToken"], token["type"]
        verdict = ACCEPTED if kind in _BY_US else self.judge(station, None, text, kind)
        if isinstance(verdict, Verdict):
            return self._answer_2(station, payload, verdict)
        return self._later_2(station, payload, verdict)

    async def _later_2(self, station: Station, payload: Payload, verdict: Awaitable[Verdict]) -> Payload:
        return self._answer_2(station, payload, await verdict)

    def _answer_2(self, station: Station, payload: Payload, verdict: Verdict) -> Payload:
        """Answer; a contract certificate that was shown must be good as well (C07.FR.05)."""
        text, kind = payload["idToken"]["idToken"], payload["idToken"]["type"]
        answer: Payload = {}
        if "certificate" in payload or "iso15118CertificateHashData" in payload:
            check = self.check_certificate
            status = "NoCertificateAvailable" if check is None else check(station, payload)
            answer["certificateStatus"] = status
            if status != "Accepted":
                verdict = Verdict("Invalid")
        if verdict.accepted:
            self.grant(station, text)
        answer["idTokenInfo"] = self.tokens.info_2(text, kind, verdict.status)
        return answer


def _never(_token: str) -> bool:
    """Nothing is in use where no ledger says so."""
    return False


async def _awaited(answer: Awaitable[bool]) -> Verdict:
    return ACCEPTED if await answer else Verdict("Invalid")
