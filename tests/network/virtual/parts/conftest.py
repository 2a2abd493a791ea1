"""A station of which only the parts are real: what they ask is kept, checked by its schema, answered by the test."""

import heapq
import itertools

import pytest

from twin.network.clock import from_wire, to_wire
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import LinkLost
from twin.network.ocpp.wire.link import Then
from twin.network.ocpp.wire.schemas import requests, responses
from twin.network.virtual.settings import EvseSettings, StationSettings, core_variables
from twin.network.virtual.store import MemoryStore
from twin.network.virtual.variables import Variables

EPOCH_NS = 1_767_225_600 * 10**9  # 2026-01-01T00:00:00Z


class Timer:
    def __init__(self, callback):
        self.callback = callback

    def cancel(self):
        self.callback = None


class HandClock:
    """A clock that a test moves."""

    epoch_ns = EPOCH_NS

    def __init__(self):
        self.now_s = 0.0
        self._due = []
        self._count = itertools.count()

    def call_at(self, t_s, callback, /):
        timer = Timer(callback)
        heapq.heappush(self._due, (max(t_s, self.now_s), next(self._count), timer))
        return timer

    def call_later(self, delay_s, callback, /):
        return self.call_at(self.now_s + delay_s, callback)

    def to(self, t_s):
        """Let everything happen that is due until `t_s`."""
        while self._due and self._due[0][0] <= t_s:
            self.now_s, _, timer = heapq.heappop(self._due)
            if timer.callback is not None:
                timer.callback()
        self.now_s = t_s


class FakeTariffs:
    def __init__(self):
        self.brought, self.changed = {}, []

    def of_drivers(self):
        return list(self.brought.values())

    def runs(self, transaction, /):
        return transaction in self.brought

    def change(self, transaction, tariff, /):
        self.changed.append((transaction, tariff))


class FakeHost:
    def __init__(self, version=Version.V201, store=None):
        self.settings = StationSettings(
            identity="cs-1",
            evses=(EvseSettings(number=1, row=0), EvseSettings(number=2, row=1)),
            versions=(version,),
        )
        self.store = store or MemoryStore()
        saved = dict(self.store.rows("variables"))
        self.variables = Variables(saved, lambda name, text: self.store.put("variables", name, text))
        core_variables(self.settings, self.variables)
        self.clock = HandClock()
        self.version, self.online = version, True
        self.asked, self.blocked, self.reboots, self.events, self.changed = [], set(), [], [], []
        self.answers, self.waiting, self.running = {}, [], False
        self.states, self._ids = {}, {}
        self.tariffs = FakeTariffs()

    def state_of(self, evse, /):
        return self.states.get(evse, "Available")

    @property
    def now_s(self):
        return self.clock.now_s

    def stamp(self, t_s=None, /):
        return to_wire(EPOCH_NS, self.now_s if t_s is None else t_s)

    def read_stamp(self, text, /):
        return from_wire(EPOCH_NS, text).t_s

    def call_at(self, own_s, callback, /):
        return self.clock.call_at(own_s, callback)

    def ask(self, action, payload, then=None, /):
        if not self.online:
            if then is not None:
                then(LinkLost(f"cs-1: {action} was not sent"))
            return
        assert not list(requests(self.version)[action].violations(payload)), (action, payload)
        self.asked.append((action, payload))
        if then is not None:
            then(self.answers.get(action, {}))

    def notify(self, action, payload, /):
        assert not list(requests(self.version)[action].violations(payload)), (action, payload)
        self.asked.append((action, payload))

    def next_id(self, what, /):
        self._ids[what] = self._ids.get(what, 0) + 1
        return self._ids[what]

    def status_changed(self, evse=0, /):
        self.changed.append(evse)

    def charging(self):
        return self.running

    def idle(self, callback, /):
        if self.running:
            self.waiting.append(callback)
        else:
            callback()

    def stop_charging(self):
        self.running = False
        for callback in self.waiting:
            callback()
        self.waiting.clear()

    def block(self, why, on, /):
        (self.blocked.add if on else self.blocked.discard)(why)

    def reboot(self, reason, /):
        self.reboots.append(reason)

    def refused(self, event, info, /):
        self.events.append((event, info))

    def told(self, action):
        """Return the payloads that were sent under an action."""
        return [payload for name, payload in self.asked if name == action]

    def obey(self, part, action, payload):
        """Hand a call to a part as the core does; return its answer, checked by its schema."""
        assert not list(requests(self.version)[action].violations(payload)), (action, payload)
        answer = part.handlers()[self.version, action](payload)
        if isinstance(answer, Then):
            answer.after()
            answer = answer.payload
        assert not list(responses(self.version)[action].violations(answer)), (action, answer)
        return answer


@pytest.fixture
def make_host():
    return FakeHost


@pytest.fixture
def host():
    return FakeHost()


@pytest.fixture
def host16():
    return FakeHost(Version.V16)
