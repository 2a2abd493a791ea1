"""Local list and authorisation cache."""

import pytest

from twin.network.virtual.parts.known_tokens import AuthorisationCache, LocalList, TokenInfo, read_info

EPOCH_NS = 1_767_225_600 * 10**9  # 2026-01-01T00:00:00Z
OK = TokenInfo("Accepted", None, "", {"status": "Accepted"})
BLOCKED = TokenInfo("Blocked", None, "", {"status": "Blocked"})


@pytest.fixture
def local():
    return LocalList(capacity=3, per_message=3)


def test_a_full_list_replaces_all(local):
    """What is not in the new list is gone."""
    local.update("Full", 1, {"A": OK, "B": OK})
    assert local.update("Full", 2, {"C": OK}) == "Accepted"
    assert (local.find("A"), local.find("C"), local.version) == (None, OK, 2)


def test_a_difference_adds_changes_and_removes(local):
    """An entry without info leaves the list; the others stay or change."""
    local.update("Full", 1, {"A": OK, "B": OK})
    assert local.update("Differential", 2, {"A": None, "B": BLOCKED, "C": OK}) == "Accepted"
    assert (local.find("A"), local.find("B"), local.find("C")) == (None, BLOCKED, OK)


@pytest.mark.parametrize("version", [1, 2])
def test_a_difference_to_an_older_version_is_refused(local, version):
    """Version 2 is there: neither 1 nor 2 again may change it."""
    local.update("Full", 2, {"A": OK})
    assert local.update("Differential", version, {"A": None}) == "VersionMismatch"
    assert local.find("A") == OK


@pytest.mark.parametrize(
    ("kind", "version", "tokens"),
    [("Full", 0, "A"), ("Full", -1, "A"), ("Full", 2, "BCDE"), ("Differential", 2, "BCD")],
    ids=["version 0", "negative version", "message too long", "list too long"],
)
def test_what_cannot_be_taken_changes_nothing(local, kind, version, tokens):
    """A refused update leaves the list as it was."""
    local.update("Full", 1, {"A": OK})
    assert local.update(kind, version, dict.fromkeys(tokens, OK)) == "Failed"
    assert (len(local), local.version, local.find("A")) == (1, 1, OK)


def test_a_full_list_has_nothing_to_remove(local):
    """A full list with an entry without info is a failure."""
    assert local.update("Full", 1, {"A": None}) == "Failed"


def test_case_does_not_matter(local):
    """`abc` and `ABC` are one token."""
    local.update("Full", 1, {"abc": OK})
    assert local.find("ABC") == OK


def test_an_accepted_token_expires():
    """Accepted until 00:01:00, expired from then on; a blocked one stays blocked."""
    info = read_info({"status": "Accepted", "expiryDate": "2026-01-01T00:01:00Z"}, EPOCH_NS)
    assert [info.at(t_s) for t_s in (59.0, 60.0)] == ["Accepted", "Expired"]
    assert info._replace(status="Blocked").at(60.0) == "Blocked"


def test_both_versions_name_their_group():
    """The parentIdTag of 1.6 and groupIdToken of 2.x are one thing."""
    sixteen = read_info({"status": "Accepted", "parentIdTag": "G"}, EPOCH_NS)
    two = read_info({"status": "Accepted", "groupIdToken": {"idToken": "G", "type": "Central"}}, EPOCH_NS)
    assert sixteen.group == two.group == "G"


def test_the_longest_unused_gives_way():
    """Of three tokens in a cache of two, the one that was not asked for is forgotten."""
    cache = AuthorisationCache(2)
    cache.put("A", OK, 0.0)
    cache.put("B", OK, 1.0)
    cache.find("A")
    assert cache.put("C", OK, 2.0) == ("b",)
    assert (cache.find("A"), cache.find("B"), cache.find("C")) == (OK, None, OK)


def test_an_entry_lives_for_its_lifetime():
    """With a lifetime of 100 s, an entry of second 10 counts up to second 110."""
    cache = AuthorisationCache(2, lifetime_s=100.0)
    cache.put("A", OK, 10.0)
    assert [cache.find("A").at(t_s) for t_s in (109.0, 110.0)] == ["Accepted", "Expired"]


def test_the_list_outlives_a_reboot(local):
    """What was stored comes back, with its version."""
    local.update("Full", 5, {"A": OK, "B": BLOCKED})
    again = LocalList(3, 3)
    again.restore(local.image(), EPOCH_NS)
    assert (again.version, again.find("b")) == (5, BLOCKED)
