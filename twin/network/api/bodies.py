"""Bodies of requests: what the API takes, checked before anything is done."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Evses = Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(max_length=1000)]
Watts = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Body(BaseModel):
    """Nothing unknown is taken: a misspelt key is an error, not a wish that is not heard."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class BootBody(Body):
    """How BootNotification is answered."""

    policy: Literal["accepted", "pending", "rejected"] = "accepted"
    interval_s: int = Field(300, ge=1, le=86_400, description="Heartbeat, or the pause before the next try.")


class SettingsBody(Body):
    """How one station is set up and limited. Null or left out: as `twin csms` was told for all of them."""

    leave: bool | None = Field(None, description="Change none of its settings.")
    sample_interval_s: int | None = Field(None, ge=0, le=86_400)
    aligned_interval_s: int | None = Field(None, ge=0, le=86_400)
    measurands: Annotated[list[str], Field(min_length=1, max_length=50)] | None = Field(
        None, description="Sampled in a transaction."
    )
    phases: Literal[1, 2, 3] | None = Field(
        None, description="That cars charge on here, until it is measured; a limit in A is W divided by them."
    )
    pause: Literal["stop", "smallest"] | None = Field(
        None,
        description="Where a limit of 0 spoils the transaction: stop and start it, or the smallest pilot.",
    )
    stop_disobedient: bool | None = Field(
        None, description="End what draws above its limit when no kind of profile works."
    )
    clear_foreign: bool | None = Field(None, description="Clear charging profiles that are not ours.")


class StationBody(Body):
    """What is left out stays as it is."""

    password: str | None = Field(
        None, min_length=1, max_length=64, description="As text. Replaces every password; null removes them."
    )
    password_hex: str | None = Field(
        None,
        pattern=r"^([0-9A-Fa-f]{2}){1,64}$",
        description="As the hexadecimal digits of an AuthorizationKey.",
    )
    min_security_profile: int | None = Field(None, ge=0, le=3)
    boot: BootBody | None = None
    topology: Evses | None = Field(
        None, description="Numbers of the connectors (1.6) or EVSEs (2.x); empty: learnt."
    )
    items_per_message: dict[str, Annotated[int, Field(ge=1, le=10_000)]] | None = None
    strict: bool | None = Field(None, description="Refuse what deviates from the schemas.")
    quirks: dict[str, Any] | None = Field(
        None,
        description="Flags that win over what is known of its model; those left out are the model's. {}: all are.",
    )
    settings: SettingsBody | None = Field(None, description="Replaced as a whole.")

    @model_validator(mode="after")
    def _one_password(self) -> StationBody:
        if self.password is not None and self.password_hex is not None:
            raise ValueError("give either password or password_hex")
        return self


class TokenBody(Body):
    """What a token is worth."""

    status: Literal["Accepted", "Blocked", "Expired", "Invalid", "Unknown", "ConcurrentTx", "NoCredit"] = (
        "Accepted"
    )
    group: str = Field("", max_length=36)
    parent: str = Field("", max_length=20)
    expiry: str | None = Field(None, description="RFC 3339.")
    master: bool = Field(False, description="A master pass: stops any transaction, starts none.")
    language: str = Field("", max_length=8)


class TariffBody(Body):
    """A tariff in the words of OCPP 2.1 (TariffType)."""

    tariff: dict[str, Any]
    station: str = Field("", description="Empty: every station that holds tariffs (2.1).")
    evse: int = Field(0, ge=0, description="0: every EVSE.")


class LimitBody(Body):
    """What an EVSE may draw. Null or left out: no limit."""

    limit_w: Watts | None = None
    discharge_w: Watts = 0.0
    setpoint_w: Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)] | None = None
    phases: Literal[0, 1, 2, 3] = 0


class ListEntryBody(Body):
    """One token of a local list."""

    token: str = Field(min_length=1, max_length=36)
    type: str = Field("ISO14443", max_length=20)
    status: Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"] = "Accepted"
    group: str = Field("", max_length=36)
    expiry: str = ""


class ListBody(Body):
    """A whole list, or with `removed` a difference to the one that the station holds."""

    entries: list[ListEntryBody] = Field(default_factory=list, max_length=100_000)
    removed: list[ListEntryBody] = Field(default_factory=list, max_length=100_000)


class ReservationBody(Body):
    """Whom an EVSE is kept free for, and until when."""

    token: str = Field(min_length=1, max_length=36)
    type: str = Field("ISO14443", max_length=20)
    group: str = Field("", max_length=36)
    evse: int = Field(0, ge=0, description="0: any.")
    expiry: str = Field(description="RFC 3339.")


class FirmwareBody(Body):
    """What is to be installed."""

    location: str = Field("", max_length=2000, description="URL; empty: `file` from `PUT /v1/files/{name}`.")
    file: str = Field("", max_length=100)
    over: Literal["http", "ftp"] = Field("http", description="How the file is loaded.")
    retrieve: str = Field("", description="RFC 3339; empty: now.")
    install: str = Field("", description="RFC 3339; empty: at once.")
    signature: str = ""
    signing_certificate: str = ""


class LogBody(Body):
    """Which log, and where it goes."""

    kind: Literal["diagnostics", "security"] = "diagnostics"
    location: str = Field("", max_length=2000, description="URL; empty: the file service of this system.")
    over: Literal["http", "ftp"] = Field("http", description="How the file service is reached.")
