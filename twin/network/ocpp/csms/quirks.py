"""What models of real chargers do differently, as small typed flags: chosen per model, never branches by brand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """How to treat one model. The defaults suit a charger that keeps to its version."""

    boot_wait_s: float = 5.0
    """After a connect without BootNotification: when it is triggered; twice this, the station is served without."""
    call_before_boot: bool = True
    """False: not even a TriggerMessage before its boot was accepted."""
    force_smart_charging: bool = False
    """Send profiles although SupportedFeatureProfiles does not list SmartCharging."""
    rate_unit: Literal["", "A", "W"] = ""
    """The unit profiles are written in, whatever the station reports; empty: as reported."""
    stack_level_zero: bool = False
    """Only stack level 0 is obeyed."""
    relative_profiles: bool = False
    """Only profiles of kind Relative are obeyed."""
    no_zero_limit: bool = False
    """A limit of 0 ends or spoils the transaction: pause by the smallest pilot or by stopping."""
    repeat_after_zero: bool = False
    """The first limit after one of 0 is ignored: it is sent twice."""
    no_profile_in_remote_start: bool = False
    """Start first, send the profile afterwards."""
    no_change_availability: bool = False
    """ChangeAvailability does harm."""
    measurands: tuple[str, ...] = ()
    """Ask for these only; empty: all that the station takes, tried one at a time."""
    max_config_keys: int = 0
    """Keys per GetConfiguration; 0: as reported."""
    restart_pause_s: float = 0.0
    """From a stop to the next start."""
    reaction_s: float = 15.0
    """How long after an accepted limit the current may still be above it."""
    register: Literal["", "lifetime", "session"] = ""
    """What Energy.Active.Import.Register counts in MeterValues; empty: found out by comparing with the start."""
    id_tag_length: int = 20
    """Longest idTag that comes back unharmed."""
