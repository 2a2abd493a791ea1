"""Rules of composition and acceptance, each changed by one piece of text, and what must then fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from twin.network.ocpp.profiles import (
    combine,
    compose,
    context,
    instants,
    leads,
    phases,
    store,
    v2x,
    validate,
)


class Mutant(NamedTuple):
    """A module in which `old`, found once, becomes `new`."""

    rule: str
    module: ModuleType
    old: str
    new: str


@contextmanager
def changed(module: ModuleType, source: str) -> Iterator[None]:
    """Run a module with another source, in memory; what was there comes back."""
    before = dict(vars(module))
    try:
        exec(compile(source, f"{module.__name__} (mutant)", "exec"), vars(module))
        yield
    finally:
        vars(module).clear()
        vars(module).update(before)


def source_of(module: ModuleType) -> str:
    """What stands in its file."""
    assert module.__file__ is not None
    return Path(module.__file__).read_text(encoding="utf-8")


@contextmanager
def alive(mutant: Mutant) -> Iterator[None]:
    """Let one mutant act."""
    source = source_of(mutant.module)
    assert source.count(mutant.old) == 1, mutant
    with changed(mutant.module, source.replace(mutant.old, mutant.new)):
        yield


MUTANTS = tuple(
    Mutant(*m)
    for m in (
        # One profile alone.
        ("validFrom is included", instants, "t_s < profile.valid_from_s", "t_s <= profile.valid_from_s"),
        ("validTo is excluded", instants, "t_s >= profile.valid_to_s", "t_s > profile.valid_to_s"),
        ("offline for too long", instants, "return t_s < expires_s(", "return t_s <= expires_s("),
        ("maxOfflineDuration counts from the loss", instants, "offline_since_s + profile.max_offline_s", "offline_since_s"),
        ("a day has 24 hours", instants, "Recurrency.DAILY: DAY_S", "Recurrency.DAILY: 2 * DAY_S"),
        ("a week has seven days", instants, "7 * DAY_S", "6 * DAY_S"),
        ("dynamic from its receipt", instants, "return profile.received_s if start_s is None else start_s", "return start_s or 0.0"),
        ("relative knows no startSchedule", instants, "if profile.kind is not Kind.RELATIVE and start_s is not None", "if start_s is not None"),
        ("absent startSchedule is relative", instants, "if profile.kind is not Kind.RELATIVE and start_s is not None:\n        return start_s", "if profile.kind is not Kind.RELATIVE:\n        return start_s or 0.0"),
        ("relative to the transaction", instants, "return transaction_start_s\n    return profile.received_s", "return profile.received_s\n    return profile.received_s"),
        ("the station's relative to receipt", instants, "return transaction_start_s\n    return profile.received_s", "return transaction_start_s\n    return transaction_start_s"),
        ("defaults are relative to the transaction", instants, "{Purpose.TX, Purpose.TX_DEFAULT, Purpose.PRIORITY}", "{Purpose.TX, Purpose.PRIORITY}"),
        ("priority is relative to the transaction", instants, "{Purpose.TX, Purpose.TX_DEFAULT, Purpose.PRIORITY}", "{Purpose.TX, Purpose.TX_DEFAULT}"),
        ("nothing before the start", instants, "if past_s < 0.0 or every_s == math.inf:", "if every_s == math.inf:"),
        ("nothing from the duration on", instants, "past_s >= length_s(profile)", "past_s > length_s(profile)"),
        ("a period lasts until the next", instants, "if period.start_s > past_s:", "if period.start_s >= past_s:"),
        ("the duration ends a schedule", instants, "return math.inf if duration_s is None else duration_s", "return math.inf"),
        ("recurring begins anew", instants, "return round(past_s % every_s, _DIGITS)", "return past_s"),
        ("microseconds", instants, "past_s = round(t_s - start_s, _DIGITS)", "past_s = t_s - start_s"),
        ("the end is a change", instants, "        yield base_s + end_s\n", ""),
        ("the next recurrence is a change", instants, "start_s + turn * every_s, start_s + (turn + 1.0) * every_s", "start_s + turn * every_s"),
        ("validity is a change", instants, "ends = (profile.valid_from_s, profile.valid_to_s, ", "ends = (profile.valid_from_s, "),
        ("a beginning validity is a change", instants, "ends = (profile.valid_from_s, profile.valid_to_s, ", "ends = (profile.valid_to_s, "),
        ("an expiry is a change", instants, "profile.valid_to_s, expires_s(profile, offline_since_s))", "profile.valid_to_s)"),
        # Which leads.
        ("the higher level leads", leads, "_rank(profile) < _rank(best.profile)", "_rank(profile) > _rank(best.profile)"),
        ("a gap gives way", leads, "if period is not None:\n            best", "if period is not None or best is None:\n            best"),
        ("the last received leads", leads, "return profile.stack_level, profile.received_s, profile.id", "return profile.stack_level, 0.0, profile.id"),
        ("priority only while active", leads, "if context.priority:", "if True:"),
        ("priority before the transaction's", leads, "if context.priority:", "if False:"),
        ("TxProfile before default", leads, "found = lead(mine, context, t_s, Purpose.TX, evse)", "found = None"),
        ("TxProfile of this transaction", leads, "if p.transaction in {None, context.transaction}", "if True"),
        ("TxProfile without an id", leads, "in {None, context.transaction}", "== context.transaction"),
        ("TxProfile needs a transaction", leads, "found is None and context.transaction is not None", "found is None"),
        ("1.6: the connector's own default", leads, "if found is None and not context.version.two:", "if False:"),
        ("2.x: one stack of defaults", leads, "if found is None and not context.version.two:", "if found is None:"),
        ("constraints of the station", leads, "sorted({0, context.evse})", "sorted({context.evse})"),
        ("constraints of the EVSE", leads, "sorted({0, context.evse})", "[0]"),
        ("generation of the EVSE", leads, "Purpose.LOCAL_GENERATION, 0, context.evse", "Purpose.LOCAL_GENERATION, 0"),
        # Combining.
        ("the lowest limits", combine, "a, w = min(b.a for b in bounds), min(b.w for b in bounds)", "a, w = max(b.a for b in bounds), max(b.w for b in bounds)"),
        ("constraints lower", combine, "for lead in (self.transaction, *self.outside))", "for lead in (self.transaction,))"),
        ("generation adds", combine, "inner = _added(inner, _limit(self.generation, context, phases))", "pass"),
        ("generation within the maximum", combine, "return lowest([inner, _limit(self.station, context, phases)])", "return _added(lowest([inner, _limit(self.station, context, phases)]), _limit(self.generation, context, phases))"),
        ("the station's maximum limits", combine, "return lowest([inner, _limit(self.station, context, phases)])", "return inner"),
        ("the rating limits", combine, "bound = _rated(bound, context, phases)", "pass"),
        ("the default where nothing limits", combine, "        if not bound.by:\n", "        if False:\n"),
        ("three phases where none are said", combine, "DEFAULT_PHASES = 3", "DEFAULT_PHASES = 1"),
        ("the lowest numberPhases", combine, "return min([most, *", "return max([most, *"),
        ("no more phases than there are", combine, "most = min(context.phases, context.phases_used or context.phases)", "most = context.phases_used or 3"),
        ("no more phases than are used", combine, "most = min(context.phases, context.phases_used or context.phases)", "most = context.phases"),
        ("no phases at DC", combine, "    if context.dc:\n        return context.phases\n", ""),
        ("W of all phases", combine, "return context.voltage_v if context.dc else context.voltage_v * phases", "return context.voltage_v"),
        ("W at DC of one", combine, "return context.voltage_v if context.dc else context.voltage_v * phases", "return context.voltage_v * phases"),
        ("the EVSEs' sum counts", combine, "lowest([self.below, *limits])", "lowest([_NONE, *limits])"),
        ("A divided by the voltage", combine, "out_w / per_a", "out_w"),
        ("phaseToUse with one phase", combine, "if phases == 1 else None,", "if phases == 3 else None,"),
        ("set-points in A are sums", combine, "value * context.voltage_v", "3.0 * value * context.voltage_v"),
        ("discharging nearest to 0", combine, "return max(nearest, default=None)", "return min(nearest, default=None)"),
        ("discharging within the rating", combine, "nearest.append(-context.max_w)", "pass"),
        ("charging modes never discharge", combine, "if mode in {Mode.CHARGING_ONLY, Mode.IDLE}:\n            return 0.0", "if mode is Mode.IDLE:\n            return 0.0"),
        ("charging modes have no set-point", combine, "if mode in {Mode.CHARGING_ONLY, Mode.IDLE}:\n            return None", "if mode is Mode.CHARGING_ONLY:\n            return None"),
        ("idle is 0", combine, "if mode is Mode.IDLE:  #", "if False:  #"),
        ("external set-points from outside", combine, "self.outside if mode is Mode.EXTERNAL_SETPOINT else (self.transaction,)", "(self.transaction,)"),
        ("set-points above the discharge limit", combine, "min(max(min(found), floor_w), limit_w)", "min(min(found), limit_w)"),
        ("set-points below the limit", combine, "min(max(min(found), floor_w), limit_w)", "max(min(found), floor_w)"),
        ("the least rate is no limit", combine, "min_rate_w=self._min_rate_w(context, phases)", "min_rate_w=None"),
        # The course and the station.
        ("equal neighbours are one", compose, "if not periods or replace(period, start_s=periods[-1].start_s) != periods[-1]:", "if True:"),
        ("profiles of other EVSEs change nothing", compose, "            if p.evse in {0, part.evse}\n", ""),
        ("parts change the whole", compose, "for part in (context, *context.evses):", "for part in (context,):"),
        ("a transaction would begin when asked", context, "return t_s if context.transaction_start_s is None", "return 0.0 if context.transaction_start_s is None"),
        ("the station's maximum is of all", compose, "        leads.lead(profiles, context, t_s, Purpose.STATION_MAX, 0),\n        _sum(parts)", "        None,\n        _sum(parts)"),
        ("the station's generation once", compose, "if p.purpose is not Purpose.LOCAL_GENERATION or p.evse != 0", ""),
        ("the EVSE's generation is its own", compose, " or p.evse != 0", ""),
        ("EVSEs add up", compose, "        _sum(parts),\n", ""),
        ("what EVSEs may discharge adds up", compose, "sum(w for w in discharge_w if w is not None)", "0.0"),
        ("set-points are reported in A", compose, "else 1.0 / context.voltage_v", "else 1.0"),
        # Acceptance.
        ("validity that only touches", validate, "start_s is None or end_s is None or start_s < end_s", "start_s is None or end_s is None or start_s <= end_s"),
        ("validity apart", validate, "and _overlap(old, new)", ""),
        ("duplicates of the same transaction", validate, "(old.stack_level, old.transaction, old.evse) == (new.stack_level, new.transaction, new.evse)", "(old.stack_level, old.evse) == (new.stack_level, new.evse)"),
        ("defaults of the same level", validate, "        and old.stack_level == new.stack_level\n", ""),
        ("ascending strictly", validate, "later <= earlier", "later < earlier"),
        ("a profile does not collide with what it replaces", validate, "return [p for p in self.store if p.id not in gone]", "return list(self.store)"),
        ("conflicts of station and transaction only", phases, "if (old.purpose in _OF_STATION) is (new.purpose in _OF_STATION) or not _meet(old, new):", "if not _meet(old, new):"),
        ("conflicts where they meet", phases, " or not _meet(old, new)", ""),
        ("phase 3 is the last", phases, "not 1 <= number <= 3", "not 1 <= number <= 4"),
        ("phase 0 is none", phases, "not 1 <= number <= 3", "not 0 <= number <= 3"),
        ("mixed stations ignore phases at DC", phases, "return named and all(o.dc for o in outlets)", "return named and any(o.dc for o in outlets)"),
        ("more phases need nothing", phases, "fewest < o.phases", "fewest != o.phases"),
        ("a phase of one", phases, "p.phase_to_use is not None and p.phases != 1", "p.phase_to_use is not None and p.phases == 2"),
        ("DC switches no phases", phases, "return any(fewest < o.phases and not o.switching for o in outlets if not o.dc)", "return any(fewest < o.phases and not o.switching for o in outlets)"),
        # What is installed.
        ("an id replaces", store, "p.id == profile.id or self._same_place(p, profile)", "self._same_place(p, profile)"),
        ("1.6: a place replaces", store, "p.id == profile.id or self._same_place(p, profile)", "p.id == profile.id"),
        ("2.x: a place does not", store, "if self._version.two or (old.stack_level", "if (old.stack_level"),
        ("of one transaction only", store, "or old.transaction == new.transaction", "or True"),
        ("an id alone in 2.x", store, "if profile_id is not None and self._version.two:", "if False:"),
        ("an id and more in 1.6", store, "if profile_id is not None and self._version.two:", "if profile_id is not None:"),
        ("external constraints stay", store, " if p.purpose is not Purpose.EXTERNAL_CONSTRAINTS", ""),
        ("clearing by purpose", store, "and (purpose is None or p.purpose is purpose)", ""),
        ("clearing by level", store, "and (level is None or p.stack_level == level)", ""),
        ("clearing by EVSE", store, "and (evse is None or p.evse == evse)", ""),
        ("a transaction's own end with it", store, "p.purpose is Purpose.TX and p.transaction == transaction", "p.purpose is Purpose.TX"),
        ("a reboot keeps what runs", store, "p.transaction not in transactions", "True"),
        ("forgotten where it says so", store, "p.forget_offline and ", ""),
        ("forgotten after its time only", store, "offline_s > p.max_offline_s", "offline_s >= p.max_offline_s"),
        ("only dynamic ones are updated", store, " or old.kind is not Kind.DYNAMIC", ""),
        ("bound to what began", store, "            if profile.transaction is None:", "            if False:"),
        ("fields a mode needs", v2x, "fields.must <= given <= fields.must | fields.may", "given <= fields.must | fields.may"),
        ("fields a mode knows", v2x, "fields.must <= given <= fields.must | fields.may", "fields.must <= given"),
        ("discharge limits are negative", v2x, "p.discharge_limit > 0.0", "False"),
        ("limits are positive", v2x, "p.limit < 0.0", "False"),
    )
)  # fmt: skip
"""One change per rule; a line is as wide as its change."""
