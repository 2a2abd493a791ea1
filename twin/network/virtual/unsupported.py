"""What a virtual station does not do, and why not: the text of its NotSupported."""

from __future__ import annotations

from types import MappingProxyType

_NO_INVERTER = "its EVSEs have no inverter that feeds in"
WHY_NOT = MappingProxyType(
    {
        "PublishFirmware": "it is no local controller that others fetch firmware from",
        "UnpublishFirmware": "it is no local controller that others fetch firmware from",
        "AFRRSignal": "its EVSEs charge only: they do not follow a signal of frequency regulation",
        "NotifyAllowedEnergyTransfer": "its EVSEs offer one kind of energy transfer each, there is nothing to choose",
        "NotifyWebPaymentStarted": "it shows no code for payment in the web",
        "RequestBatterySwap": "it swaps no batteries",
        "ClearDERControl": _NO_INVERTER,
        "GetDERControl": _NO_INVERTER,
        "SetDERControl": _NO_INVERTER,
    }
)
"""By action: the reason."""
