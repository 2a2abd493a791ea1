"""The meter's signature as a part: when values are signed, and with which key.

Keys of 1.6 are those of the OCA's white paper on signed meter values: SampledDataSignReadings,
PublicKeyWithSignedMeterValue, MeterPublicKey1.
"""

from __future__ import annotations

from twin.money.papers.ocmf import ENCODING, METHOD, Meter, SignedReading, Signer
from twin.network.virtual.parts.base import Host, Signed, Token
from twin.network.virtual.parts.standard import PUBLIC_KEY, SIGN, fact

KEY_FORMAT = "oca:base16:asn1:"
"""What stands before the hexadecimal DER of a public key."""
BEGIN, END = "Transaction.Begin", "Transaction.End"


class MeterSigner:
    """Implements `base.Signer`: one record at the begin, one with both readings at the end.

    Args:
        host: The station; its variables are defined already.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._signers: dict[int, Signer] = {}
        self._begun: dict[str, SignedReading] = {}
        for evse in host.settings.evses:
            meter = Meter(serial=f"{host.settings.serial_number}-{evse.number}")
            signer = Signer(
                host.settings.seed, f"{host.settings.identity}/{evse.number}", meter, host.clock.epoch_ns
            )
            self._signers[evse.number] = signer
            host.variables.define(
                fact("FiscalMetering", "PublicKey", signer.public_key_der.hex(), evse=evse.number,
                     key=f"MeterPublicKey{evse.number}")
            )  # fmt: skip

    def sign(
        self,
        evse: int,
        transaction: str,
        token: Token | None,
        t_s: float,
        register_wh: float,
        context: str,
        /,
    ) -> Signed | None:
        """See `base.Signer.sign`: begin and end are signed where SignReadings says so."""
        if context not in {BEGIN, END} or not self._host.variables.flag(SIGN):
            return None
        reading = SignedReading(t_s, "B" if context == BEGIN else "E", round(register_wh))
        if context == BEGIN:
            self._begun[transaction] = reading
            readings: tuple[SignedReading, ...] = (reading,)
        else:
            begun = self._begun.pop(transaction, None)
            readings = (reading,) if begun is None else (begun, reading)
        signer = self._signers[evse]
        signer.page = self._host.next_id(f"ocmf-{evse}") - 1
        data = signer.record(readings, token.text if token is not None else "")
        return Signed(data, METHOD, ENCODING, self._key(signer, context))

    def _key(self, signer: Signer, context: str) -> str:
        """As the white paper names it; once per transaction means at its begin."""
        when = self._host.variables.text(PUBLIC_KEY)
        if when == "Never" or (when == "OncePerTransaction" and context != BEGIN):
            return ""
        return f"{KEY_FORMAT}{signer.public_key_der.hex()}"
