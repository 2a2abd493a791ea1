# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How much should be held on a card?
#
# Before energy flows, an operator blocks an amount on the driver's card: the *hold*. What a session costs beyond it may never be
# paid. What is held beyond the cost is money that the driver cannot use until the hold ends. Where is the middle?
#
# Take the two sites of `40-payments` for two days. Every rule below faces the same drivers, cars and payment faults, so that
# differences are those of the rules.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import twin

plt.style.use("twin.report.twin")
pd.set_option("display.precision", 1)
AMOUNTS, SEEDS = [5, 10, 20, 30, 60], 2
DAYS = ["start=2026-03-03T00:00:00+01:00", "days=2"]

# %% [markdown]
# ## The rules
#
# * **fixed, stop**: the same amount for everybody; a session whose cost reaches it is stopped.
# * **fixed, overrun**: the same, but the session goes on, and nothing is held for the rest.
# * **incremental**: begins with the amount and asks for as much again as cost nears what is held. The bank may decline that;
#   then the session is stopped.
# * **tariff**: what filling the battery may cost at most, at this tariff and until this driver leaves.


# %%
def case(name, *settings):
    """The scenario with one rule for holds."""
    holds = [f"payments.hold.{setting}" for setting in settings]
    return twin.load("../scenarios/40-payments.yaml", settings=[*DAYS, *holds]).named(name)


RULES = {
    "fixed, stop": ["rule=fixed", "at_limit=stop"],
    "fixed, overrun": ["rule=fixed", "at_limit=overrun"],
    "incremental": ["rule=incremental", "at_limit=stop"],
}
cases = [
    case(f"{rule} {amount}", *settings, f"amount={amount}")
    for rule, settings in RULES.items()
    for amount in AMOUNTS
]
cases.append(case("tariff", "rule=tariff"))
study = twin.sweep(cases, "../results/notebook-payments", seeds=SEEDS, workers=2, force=True)


# %% [markdown]
# ## What counts
#
# Three parties lose in three ways. All figures are sums over the seeds.
#
# * `leaked`: billed and never paid, in euros, and `unpaid_kwh`: the energy in it. The operator's loss. What is still open since the
#   run ended is left out: it is no loss.
# * `burden`: held and not captured, times the hours until it was released, in euro hours per session. The driver's loss.
# * `missing_kwh`: energy that drivers wanted and did not get, since a session was stopped. A loss for both: the operator does not
#   sell it, nor bill the idle fee of a car that stays.
#
# Every minor unit and every kWh is accounted for: the run would have failed if a kWh were neither paid nor explained by one of
# the reasons of a closed list.


# %%
def figures(name):
    """What one rule costs whom."""
    summaries = [run.summary for run in study.of(name)]
    leakage = pd.concat([run.leakage.to_pandas() for run in study.of(name)])
    lost = leakage[leakage["reason"] != "open"]
    sessions = sum(s["sessions"] for s in summaries)
    return {
        "revenue": sum(s["revenue"] for s in summaries),
        "leaked": lost["amount_minor"].sum() / 100,
        "unpaid_kwh": lost["energy_wh"].sum() / 1000,
        "burden": sum(s["hold_unused_hours"] for s in summaries) / sessions,
        "stopped": sum(s["stopped_at_hold"] for s in summaries),
        "delivered_kwh": sum(s["energy_delivered_kwh"] for s in summaries),
    }


table = pd.DataFrame({one.name: figures(one.name) for one in cases}).T
table["missing_kwh"] = table["delivered_kwh"].max() - table["delivered_kwh"]
table

# %% [markdown]
# **1. Leakage against the hold.** Look at *overrun*: at 5 € nearly half of the billed money is lost, and it falls with
# the amount, until the hold covers nearly every session. *Stop* hardly leaks at any amount, since whoever reaches the hold is
# stopped; what is left is cost that runs on between the last look and the stop. That loss only moves: look at the
# third panel.

# %%
PANELS = {
    "leaked": "Billed, never paid (€)",
    "unpaid_kwh": "Unpaid energy (kWh)",
    "missing_kwh": "Energy missing (kWh)",
}
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.2), layout="constrained")
for ax, (key, title) in zip(axes, PANELS.items()):
    for k, rule in enumerate(RULES):
        ax.plot(AMOUNTS, [table.loc[f"{rule} {a}", key] for a in AMOUNTS], "o-", color=f"C{k}", label=rule)
    ax.axhline(table.loc["tariff", key], color="0.4", linestyle="--", label="tariff")
    ax.set(title=title, xlabel="Amount held (€)", ylim=(-0.03 * table[key].max(), None))
axes[0].legend();

# %% [markdown]
# **2. The trade-off.** Each dot is a rule with an amount. To the left drivers are blocked less, downwards the operator loses less:
# what leaked, and what was never billed since a session was stopped. No dot is in the corner; a rule is better than
# another if its curve runs nearer to it. Both fixed rules lie on one curve: the operator collects the same, and what `stop` spares it
# in energy given away, `overrun` gives to drivers.

# %%
table["lost"] = table["revenue"].max() - (table["revenue"] - table["leaked"])
figure, ax = plt.subplots(figsize=(6.5, 3.8))
for k, rule in enumerate(RULES):
    rows = table.loc[[f"{rule} {a}" for a in AMOUNTS]]
    size = 9 if k == 0 else 5  # both fixed rules lie on one curve
    ax.plot(rows["burden"], rows["lost"], "o-", color=f"C{k}", markersize=size, label=rule)
    for amount, x, y in zip(AMOUNTS, rows["burden"], rows["lost"]):
        if k > 0 and amount in (5, 20, 30):
            ax.annotate(f"{amount} €", (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
ax.plot(table.loc["tariff", "burden"], table.loc["tariff", "lost"], "kD", label="tariff")
ax.set(xlabel="Held and not used (€ h per session)", ylabel="Leaked, and not billed (€)")
ax.legend();

# %% [markdown]
# **3. Why it was not paid.** The reasons are a closed list; here for the smallest hold that lets sessions go on.

# %%
leakage = pd.concat([run.leakage.to_pandas() for run in study.of("fixed, overrun 10")])
reasons = leakage.groupby("reason")[["energy_wh", "amount_minor"]].sum() / [1000, 100]
reasons.columns = ["kWh", "EUR"]
reasons

# %% [markdown]
# ## What it says, and what not
#
# A small hold is paid for by the operator (overrun) or by drivers who leave with half a battery (stop); a large one by everybody's
# card. Raising the hold step by step keeps both small: it blocks little more than what is spent, and fails only
# where the bank declines a raise.
#
# How often banks decline is an assumption of the scenario (`payments.provider.increment_decline_pct` and others), and so are
# the drivers' stays. Repeat the study with your own rates, or vary one on the command line:
# `twin run scenarios/40-payments.yaml --vary payments.provider.increment_decline_pct=0,3,10`. Two seeds of two days are few.
