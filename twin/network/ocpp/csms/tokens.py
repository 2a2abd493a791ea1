"""Who may charge: the table of tokens. Letters' case never matters (IdToken is a CiString in every version)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from twin.domain.journal import Entry
from twin.network.clock import to_wire
from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.wire.link import Payload

STREAM = "tokens"
ID_TAG_LENGTH = 20
"""Of an idTag of 1.6 (CiString20Type)."""
Status = Literal["Accepted", "Blocked", "Expired", "Invalid", "Unknown", "ConcurrentTx", "NoCredit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A card, an app's token, a contract certificate's eMAID."""

    id: str
    type: str = "ISO14443"
    """IdTokenType of 2.x; 1.6 knows no types and finds it by its id alone."""
    status: Status = "Accepted"
    group: str = ""
    """groupIdToken of 2.x: another token of the group may stop what this one started."""
    parent: str = ""
    """parentIdTag of 1.6; where it is empty, `group` stands for it."""
    expiry_s: float | None = None
    """From then on Expired; against the epoch."""
    master: bool = False
    """A master pass: stops any transaction, starts none."""
    language: str = ""
    """RFC 5646."""
    cache_expiry_s: float | None = None
    """Until when stations may keep the answer in their caches; None: as long as they like."""

    @property
    def family(self) -> str:
        """What joins tokens that may stop each other's transactions, case folded; empty: no other token may."""
        return (self.parent or self.group).casefold()


class Tokens:
    """Implements `Part` as far as the journal goes; answers no calls itself.

    Args:
        desk: Clock and journal.
        unknown: What a walk-up's token that is in no table gets.
    """

    name = "token"

    def __init__(self, desk: Desk, unknown: Literal["accept", "refuse"] = "refuse") -> None:
        self._desk = desk
        self.unknown = unknown
        self._by_id: dict[str, dict[str, Token]] = {}

    def put(self, token: Token) -> None:
        """Add a token or replace the one of the same type and id; acts on the next message."""
        self._keep(token)
        self._desk.journal.append(STREAM, "token.put", asdict(token))

    def remove(self, kind: str, text: str) -> bool:
        """Forget a token; False: there was none."""
        found = self._by_id.get(text.casefold(), {}).pop(kind, None)
        if found is None:
            return False
        self._desk.journal.append(STREAM, "token.removed", {"type": kind, "id": text})
        return True

    def find(self, text: str, kind: str = "") -> Token | None:
        """Return the token of this id; of this type where the version has types (2.x)."""
        of_id = self._by_id.get(text.casefold())
        if not of_id:
            return None
        return of_id.get(kind) if kind else next(iter(of_id.values()))

    def __iter__(self) -> Iterator[Token]:
        """Every token, in order of arrival."""
        for of_id in self._by_id.values():
            yield from of_id.values()

    def status(self, text: str, kind: str = "") -> Status:
        """Return what the table says: Accepted, Blocked, Expired, … for starting a transaction."""
        token = self.find(text, kind)
        if token is None:
            return "Accepted" if self.unknown == "accept" else "Invalid"
        if token.expiry_s is not None and self._desk.clock.now_s >= token.expiry_s:
            return "Expired"
        return token.status

    def may_stop(self, starter: str, text: str, kind: str = "") -> bool:
        """Whether a token may stop what `starter` began: the same, one of its group, or a master pass."""
        if starter.casefold() == text.casefold():
            return True
        token, other = self.find(text, kind), self.find(starter)
        if token is None or self.status(text, kind) != "Accepted":
            return False
        return token.master or (other is not None and token.family != "" and token.family == other.family)

    def info_16(self, text: str, status: str) -> Payload:
        """Return the idTagInfo of 1.6; ConcurrentTx and the four others are all that it spells."""
        token = self.find(text)
        info: Payload = {"status": status if status in _STATUS_16 else "Invalid"}
        if token is None:
            return info
        if token.parent or token.group:
            info["parentIdTag"] = (token.parent or token.group)[:ID_TAG_LENGTH]
        expiry_s = _soonest(token.expiry_s, token.cache_expiry_s)
        if expiry_s is not None:
            info["expiryDate"] = to_wire(self._desk.clock.epoch_ns, expiry_s)
        return info

    def info_2(self, text: str, kind: str, status: str) -> Payload:
        """Return the idTokenInfo of 2.x."""
        token = self.find(text, kind)
        info: Payload = {"status": status}
        if token is None:
            return info
        if token.group or token.parent:
            info["groupIdToken"] = {"idToken": token.group or token.parent, "type": "Central"}
        if token.language:
            info["language1"] = token.language
        expiry_s = _soonest(token.expiry_s, token.cache_expiry_s)
        if expiry_s is not None:
            info["cacheExpiryDateTime"] = to_wire(self._desk.clock.epoch_ns, expiry_s)
        return info

    def restore(self, entry: Entry) -> None:
        """Take back a token."""
        body: dict[str, Any] = dict(entry.body)
        if entry.kind == "token.put":
            self._keep(Token(**body))
        else:
            self._by_id.get(str(body["id"]).casefold(), {}).pop(str(body["type"]), None)

    def _keep(self, token: Token) -> None:
        self._by_id.setdefault(token.id.casefold(), {})[token.type] = token


_STATUS_16 = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")


def clean_tag(text: str) -> str:
    """Return an idTag without what follows its 20 characters: some stations send no terminator (quirk 17)."""
    return text[:ID_TAG_LENGTH] if len(text) > ID_TAG_LENGTH else text


def _soonest(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return min(known, default=None)
