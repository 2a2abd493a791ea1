"""Customer information (2.x N09, N10): what the station knows of a token, told or forgotten."""

from __future__ import annotations

from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import TWO, Handlers, Host, Token
from twin.network.virtual.parts.plain import PlainPart, status, then
from twin.network.virtual.parts.tokens import KnownTokens

_PART = 512
"""Characters of `data` in one message."""


class Customer(PlainPart):
    """Answers CustomerInformation.

    Args:
        host: The station.
        tokens: List and cache of the station.
    """

    def __init__(self, host: Host, tokens: KnownTokens) -> None:
        super().__init__(host)
        self._tokens = tokens

    def handlers(self) -> Handlers:
        """CustomerInformation."""
        return {(version, "CustomerInformation"): self._answer for version in TWO}

    def _answer(self, payload: Payload) -> Answer:
        """Exactly one way to name the customer is expected (errata N09.FR.09)."""
        named = [key for key in ("idToken", "customerIdentifier", "customerCertificate") if key in payload]
        if len(named) != 1 or not (payload["report"] or payload["clear"]):
            return status("Invalid")
        text = self._known(payload)
        if payload["clear"] and "idToken" in payload:
            self._tokens.forget(payload["idToken"]["idToken"])
        if not payload["report"]:
            text = ""
        return then(status("Accepted"), lambda: self._tell(text, payload["requestId"]))

    def _known(self, payload: Payload) -> str:
        if "idToken" not in payload:
            return ""
        token = Token(payload["idToken"]["idToken"])
        lines = []
        for where, grant in (
            ("local list", self._tokens.listed(token)),
            ("cache", self._tokens.cached(token)),
        ):
            if grant is not None:
                group = f", group {grant.group}" if grant.group else ""
                lines.append(f"{where}: {token.text} {grant.status}{group}")
        return "\n".join(lines)

    def _tell(self, text: str, request_id: int) -> None:
        """At least one message, also where nothing is known (N09.FR.06)."""
        pieces = [text[first : first + _PART] for first in range(0, len(text), _PART)] or [""]
        for number, piece in enumerate(pieces):
            told = {
                "data": piece, "seqNo": number, "tbc": number + 1 < len(pieces), "requestId": request_id,
                "generatedAt": self.host.stamp(),
            }  # fmt: skip
            self.host.ask("NotifyCustomerInformation", told)
