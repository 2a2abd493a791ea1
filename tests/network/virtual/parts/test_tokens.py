"""Local list and cache over the wire."""

import pytest

from twin.network.virtual.parts import standard
from twin.network.virtual.parts.base import Token
from twin.network.virtual.parts.tokens import KnownTokens


def fit(host):
    standard.define(host)
    return KnownTokens(host)


def entry2(text, status="Accepted", **info):
    return {"idToken": {"idToken": text, "type": "ISO14443"}, "idTokenInfo": {"status": status, **info}}


def test_16_sends_a_list_and_asks_for_its_version(host16):
    """Version 3 with two tags is taken, told, and used."""
    part = fit(host16)
    tags = [
        {"idTag": "A", "idTagInfo": {"status": "Accepted", "parentIdTag": "G"}},
        {"idTag": "B", "idTagInfo": {"status": "Blocked"}},
    ]
    sent = {"listVersion": 3, "updateType": "Full", "localAuthorizationList": tags}
    assert host16.obey(part, "SendLocalList", sent) == {"status": "Accepted"}
    assert host16.obey(part, "GetLocalListVersion", {}) == {"listVersion": 3}
    assert part.listed(Token("a"))[:3] == (True, "Accepted", "G")
    assert part.listed(Token("B"))[:2] == (False, "Blocked")


def test_2_sends_a_list_that_survives_a_reboot(host, make_host):
    """After a restart the list, its version and its length are there."""
    sent = {"versionNumber": 2, "updateType": "Full", "localAuthorizationList": [entry2("A")]}
    assert host.obey(fit(host), "SendLocalList", sent) == {"status": "Accepted"}
    later = make_host(store=host.store)
    part = fit(later)
    assert later.obey(part, "GetLocalListVersion", {}) == {"versionNumber": 2}
    assert part.listed(Token("A")).accepted
    assert later.variables.text(standard.LIST_LENGTH) == "1"


def test_a_token_twice_fails(host):
    """A list that says two things of one token is not taken."""
    sent = {
        "versionNumber": 2, "updateType": "Full",
        "localAuthorizationList": [entry2("A"), entry2("a", "Blocked")],
    }  # fmt: skip
    assert host.obey(fit(host), "SendLocalList", sent)["status"] == "Failed"


@pytest.mark.parametrize("which", ["host", "host16"])
def test_a_list_that_is_off_says_nothing(which, request):
    """Switched off, no token is listed, and 1.6 tells version -1, 2.x version 0."""
    host = request.getfixturevalue(which)
    part = fit(host)
    host.variables.write(standard.LIST, "false")
    told = host.obey(part, "GetLocalListVersion", {})
    assert told == ({"listVersion": -1} if which == "host16" else {"versionNumber": 0})
    assert part.listed(Token("A")) is None


def test_what_was_learnt_is_cached_until_it_is_cleared(host):
    """An answer to Authorize is remembered; ClearCache forgets it, also in the store."""
    part = fit(host)
    part.learnt(Token("A"), {"status": "Accepted"})
    assert part.cached(Token("a")).accepted
    assert host.obey(part, "ClearCache", {}) == {"status": "Accepted"}
    assert part.cached(Token("A")) is None
    assert list(host.store.rows("token-cache")) == []


def test_a_cached_token_expires_also_after_a_reboot(host, make_host):
    """Learnt at second 0 with a lifetime of 60 s: accepted at 59 s, expired at 60 s, restart or not."""
    part = fit(host)
    host.variables.write(standard.CACHE_LIFETIME, "60")
    part.learnt(Token("A"), {"status": "Accepted"})
    host.clock.to(59.0)
    assert part.cached(Token("A")).status == "Accepted"
    later = make_host(store=host.store)
    part = fit(later)
    later.clock.to(60.0)
    assert part.cached(Token("A")).status == "Expired"


def test_a_cache_that_is_off_is_not_cleared(host):
    """Without a cache, ClearCache is rejected and nothing is learnt."""
    part = fit(host)
    host.variables.write(standard.CACHE, "false")
    part.learnt(Token("A"), {"status": "Accepted"})
    assert host.obey(part, "ClearCache", {}) == {"status": "Rejected"}
    host.variables.write(standard.CACHE, "true")
    assert part.cached(Token("A")) is None
