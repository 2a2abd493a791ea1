"""Tokens: case, status, expiry, groups, certificates, restart."""

from __future__ import annotations

import pytest

from twin.network.ocpp.csms.tokens import Token
from twin.network.ocpp.versions import Version

from .rig import Rig, looped


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (Token(id="X"), "Accepted"),
        (Token(id="x"), "Accepted"),
        (Token(id="X", status="Blocked"), "Blocked"),
        (Token(id="X", expiry_s=999.0), "Expired"),
        (Token(id="X", expiry_s=1001.0), "Accepted"),
        (Token(id="X", status="NoCredit"), "NoCredit"),
        (Token(id="Y"), "Invalid"),
    ],
    ids=["known", "other-case", "blocked", "expired", "not-yet", "no-credit", "unknown"],
)
@looped
async def test_status(token: Token, status: str) -> None:
    """Both generations answer what the table says; 1.6 knows no NoCredit and says Invalid."""
    rig = Rig(unknown_tokens="refuse")
    rig.core.tokens.put(token)
    old, new = await rig.booted("CP1"), await rig.booted("CP2", Version.V201)
    expected = "Invalid" if status == "NoCredit" else status
    assert (await old.say("Authorize", idTag="X"))["idTagInfo"]["status"] == expected
    answer = await new.say("Authorize", idToken={"idToken": "X", "type": "ISO14443"})
    assert answer["idTokenInfo"]["status"] == status


@looped
async def test_walk_up_under_policy() -> None:
    """A token in no table is accepted or refused as the operator wants."""
    for policy, status in (("accept", "Accepted"), ("refuse", "Invalid")):
        rig = Rig(unknown_tokens=policy)
        charger = await rig.booted()
        assert (await charger.say("Authorize", idTag="?"))["idTagInfo"]["status"] == status


@looped
async def test_details_of_a_token() -> None:
    """Parent, group, language and the earlier of both expiries are told."""
    rig = Rig()
    rig.core.tokens.put(
        Token(id="X", parent="P", group="G", language="fr", expiry_s=7200.0, cache_expiry_s=3600.0)
    )
    old, new = await rig.booted("CP1"), await rig.booted("CP2", Version.V21)
    assert await old.say("Authorize", idTag="X") == {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "P", "expiryDate": "2026-01-01T01:00:00.000Z"}
    }
    answer = await new.say("Authorize", idToken={"idToken": "X", "type": "ISO14443"})
    assert answer["idTokenInfo"] == {
        "status": "Accepted",
        "groupIdToken": {"idToken": "G", "type": "Central"},
        "language1": "fr",
        "cacheExpiryDateTime": "2026-01-01T01:00:00.000Z",
    }


@looped
async def test_types_differ_in_2x() -> None:
    """The same id under another type is another token in 2.x; 1.6 knows no types."""
    rig = Rig(unknown_tokens="refuse")
    rig.core.tokens.put(Token(id="X", type="eMAID"))
    old, new = await rig.booted("CP1"), await rig.booted("CP2", Version.V201)
    assert (await old.say("Authorize", idTag="X"))["idTagInfo"]["status"] == "Accepted"
    answer = await new.say("Authorize", idToken={"idToken": "X", "type": "ISO14443"})
    assert answer["idTokenInfo"]["status"] == "Invalid"


@looped
async def test_no_authorization_is_accepted() -> None:
    """A start button needs no token (C02)."""
    rig = Rig(unknown_tokens="refuse")
    charger = await rig.booted(version=Version.V201)
    answer = await charger.event("Started", 0, 1000.0, token="", type="NoAuthorization")
    assert answer["idTokenInfo"]["status"] == "Accepted"


@looped
async def test_contract_certificate() -> None:
    """Certificate data is answered: without a check none is known; with one, both must be good (C07)."""
    rig = Rig()
    charger = await rig.booted(version=Version.V201)
    digest = {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "0",
        "issuerKeyHash": "1",
        "serialNumber": "2",
        "responderURL": "http://ocsp",
    }
    asked = {"idToken": {"idToken": "DE1", "type": "eMAID"}, "iso15118CertificateHashData": [digest]}
    assert await charger.say("Authorize", **asked) == {
        "certificateStatus": "NoCertificateAvailable",
        "idTokenInfo": {"status": "Invalid"},
    }
    rig.core.authorisation.check_certificate = lambda station, payload: "Accepted"
    assert await charger.say("Authorize", **asked) == {
        "certificateStatus": "Accepted",
        "idTokenInfo": {"status": "Accepted"},
    }


@looped
async def test_tokens_survive_a_restart() -> None:
    """Tokens, removals and grants are in the journal."""
    rig = Rig(unknown_tokens="refuse")
    kept = Token(id="X", group="G", master=True, expiry_s=5.0)
    rig.core.tokens.put(Token(id="X"))
    rig.core.tokens.put(kept)
    rig.core.tokens.put(Token(id="Y"))
    assert rig.core.tokens.remove("ISO14443", "y")
    assert not rig.core.tokens.remove("ISO14443", "y")
    rig.csms.register("CP1")
    rig.core.authorisation.grant(rig.station(), "GRANTED")
    rig = rig.again(unknown_tokens="refuse")
    assert list(rig.core.tokens) == [kept]
    charger = await rig.booted()
    assert (await charger.start(990.0, tag="granted"))["idTagInfo"]["status"] == "Accepted"
    assert (await charger.start(995.0, tag="granted", connector=2))["idTagInfo"]["status"] == "Invalid"


@looped
async def test_grant_does_not_last() -> None:
    """A token that was authorised and did not start is judged anew after a quarter of an hour."""
    rig = Rig(unknown_tokens="refuse")
    rig.core.tokens.put(Token(id="X"))
    charger = await rig.booted()
    await charger.say("Authorize", idTag="X")
    rig.core.tokens.put(Token(id="X", status="Blocked"))
    await rig.go_to(1901.0)
    assert (await charger.start(1901.0, tag="X"))["idTagInfo"]["status"] == "Blocked"
