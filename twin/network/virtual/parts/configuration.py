"""Reading and writing what a station is set to, in both dialects, and the reports of 2.x."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts import config16, device_model, inventory
from twin.network.virtual.parts.base import TWO, Handler, Handlers, Host
from twin.network.virtual.parts.plain import PlainPart, status, then
from twin.network.virtual.parts.standard import MAX_KEYS, PASSWORD, PRIORITY, SECURITY_PROFILE
from twin.network.virtual.variables import Variable

PASSWORD_LENGTH = (16, 40)
"""Characters (A00.FR.205)."""


class Configuration(PlainPart):
    """Configuration keys, variables, reports.

    Args:
        host: The station; its variables are defined already.
        able: Whether a security profile could be connected with.
        orders: Whether NetworkConfigurationPriority may be a text; None: whatever fits its type.
    """

    def __init__(self, host: Host, able: Callable[[int], bool], orders: config16.Check | None = None) -> None:
        super().__init__(host)
        self._able = able
        self._checks: dict[str, config16.Check] = {
            PASSWORD.name: self._good_password,
            SECURITY_PROFILE.name: self._not_lower,
        }
        if orders is not None:
            self._checks[PRIORITY.name] = orders

    def handlers(self) -> Handlers:
        """GetConfiguration and ChangeConfiguration of 1.6; variables and reports of 2.x."""
        two: dict[str, Handler] = {
            "GetVariables": self._get_variables,
            "SetVariables": self._set_variables,
            "GetBaseReport": self._base_report,
            "GetReport": self._report,
        }
        return {
            (Version.V16, "GetConfiguration"): lambda p: config16.get_configuration(
                self.host.variables, p, MAX_KEYS
            ),
            (Version.V16, "ChangeConfiguration"): self._change_configuration,
            **{(version, action): handler for version in TWO for action, handler in two.items()},
        }

    def _change_configuration(self, payload: Payload) -> Answer:
        return config16.change_configuration(self.host.variables, payload, self._checks)

    def _get_variables(self, payload: Payload) -> Answer:
        items = payload["getVariableData"]
        _fits(items, "GetVariables")
        variables = self.host.variables
        return {"getVariableResult": [device_model.get_variable(variables, item) for item in items]}

    def _set_variables(self, payload: Payload) -> Answer:
        items = payload["setVariableData"]
        _fits(items, "SetVariables")
        variables = self.host.variables
        done = [device_model.set_variable(variables, item, self._checks) for item in items]
        return {"setVariableResult": done}

    def _base_report(self, payload: Payload) -> Answer:
        picked = inventory.base(self.host.variables, payload["reportBase"])
        if picked is None:
            return status("NotSupported")
        return self._tell(picked, payload["requestId"])

    def _report(self, payload: Payload) -> Answer:
        _fits(payload.get("componentVariable") or (), "GetReport")
        return self._tell(inventory.chosen(self.host.variables, payload), payload["requestId"])

    def _tell(self, picked: Sequence[Variable], request_id: int) -> Answer:
        if not picked:
            return status("EmptyResultSet")
        return then(status("Accepted"), partial(self._send, picked, request_id))

    def _send(self, picked: Sequence[Variable], request_id: int) -> None:
        for part in inventory.parts(self.host.variables, picked, request_id, self.host.stamp()):
            self.host.ask("NotifyReport", part)

    def _good_password(self, text: str) -> bool:
        """1.6: an AuthorizationKey of 16 to 20 bytes travels as hex (2 characters a byte), or as plain text."""
        shortest, longest = PASSWORD_LENGTH
        return shortest <= len(text) <= longest

    def _not_lower(self, text: str) -> bool:
        """1.6: only a higher one, with what it needs (security extension, A05.FR.01 to .04); 2.x: read only."""
        variables = self.host.variables
        if self.host.version.two or not text.isdigit() or int(text) <= variables.integer(SECURITY_PROFILE):
            return False
        return (int(text) == 3 or bool(variables.text(PASSWORD))) and self._able(int(text))


def _fits(items: Sequence[object], message: str) -> None:
    """Refuse more items than ItemsPerMessage says (2.x B05, B06)."""
    if len(items) > MAX_KEYS:
        raise Refusal(
            Code.OCCURRENCE_CONSTRAINT_VIOLATION, f"{len(items)} items, {message} takes at most {MAX_KEYS}"
        )
