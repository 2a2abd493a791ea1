"""How to reach Stripe: the keys come from the environment and are never printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from twin.errors import SettingsError

KEY: Final = "TWIN_STRIPE_KEY"
WEBHOOK_SECRET: Final = "TWIN_STRIPE_WEBHOOK_SECRET"  # noqa: S105 -- the name of a variable
API: Final = "https://api.stripe.com"
_TEST = ("sk_test_", "rk_test_")
_LIVE = ("sk_live_", "rk_live_")


@dataclass(frozen=True, slots=True)
class StripeSettings:
    """Of one connection.

    Raises:
        SettingsError: The key is none of Stripe's, or one that moves real money, and that was not allowed.
    """

    key: SecretStr
    webhook_secret: SecretStr = field(default=SecretStr(""))
    """`whsec_…`; several, separated by commas, while one is rolled. Empty: no webhooks are taken."""
    address: str = API
    """Where requests go; a loopback server's in tests."""
    network_retries: int = 2
    """Of the SDK, after a broken connection, a conflict or a server error; a 429 is ours."""
    timeout_s: float = 30.0
    """After that, nobody waits for an answer any more."""
    workers: int = 4
    """Requests at a time."""
    confirm_s: float = 120.0
    """How long a driver may take to confirm (3-D Secure) when a card is saved."""
    live: bool = False
    """Whether a key that moves real money is allowed."""

    def __post_init__(self) -> None:
        key = self.key.get_secret_value()
        if key.startswith(_LIVE) and not self.live:
            raise SettingsError(
                f"{KEY} is a key that moves real money: use a test key, or allow it by live=True"
            )
        if not key.startswith(_TEST + _LIVE):
            raise SettingsError(
                f"{KEY} must begin with sk_test_ (or rk_test_): it is not a secret key of Stripe"
            )
        if self.workers < 1 or self.timeout_s <= 0 or self.network_retries < 0:
            raise SettingsError(
                f"Stripe: {self.workers} workers, {self.timeout_s} s, {self.network_retries} retries: "
                "at least 1 worker, a time above 0 and no negative number"
            )

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """Every secret by which a webhook may be signed."""
        words = self.webhook_secret.get_secret_value().split(",")
        return tuple(SecretStr(word.strip()) for word in words if word.strip())

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, live: bool = False) -> StripeSettings:
        """Read `TWIN_STRIPE_KEY` and `TWIN_STRIPE_WEBHOOK_SECRET`.

        Raises:
            SettingsError: There is no key, or it cannot be used.
        """
        key = environ.get(KEY, "").strip()
        if not key:
            raise SettingsError(f"{KEY} is not set: put a secret test key of Stripe there (sk_test_…)")
        return cls(SecretStr(key), SecretStr(environ.get(WEBHOOK_SECRET, "")), live=live)
