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
# # Which strategy for this street?
#
# Take the street of `10-street`: 99 chargers of 11 kW. Its operator has contracted 75 kW for all of them together.
# Which rule divides them best? Every rule faces the same drivers, arrivals and energies, seed by seed, so that differences
# are those of the rules.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import twin
from twin.report.figures.drivers import served_share
from twin.report.figures.power import load_duration
from twin.report.figures.spread import by_seed
from twin.results.statistics import intervals, paired_differences

plt.style.use("twin.report.twin")
pd.set_option("display.precision", 3)
CONTRACT_KW, SEEDS = 75, 5

# %% [markdown]
# ## The candidates
#
# * **no management**: every car takes what it can, as soon as it comes.
# * **guard only**: the same, but power that would break a limit of the feeder is taken back. No contract.
# * five **rules** that share the contracted power, with the guard behind them.

# %%
RULES = [
    "equal-share", "round-robin", "first-come-first-served", "earliest-deadline-first", "least-laxity-first",
]  # fmt: skip
contract = f"sites.street.limits.contract.limit_kw={CONTRACT_KW}"
cases = [
    twin.load("../scenarios/10-street.yaml").named("no-management"),
    twin.load("../scenarios/11-street-managed.yaml", settings=["strategy=uncontrolled"]).named("guard-only"),
]
for rule in RULES:
    case = twin.load("../scenarios/11-street-managed.yaml", settings=[f"strategy={rule}", contract])
    cases.append(case.named(rule))
NAMES = [case.name for case in cases]

# %% [markdown]
# ## Run
#
# Seven candidates times five seeds are 35 weeks, in two processes. Without `force`, finished runs are kept and a sweep resumes.

# %%
study = twin.sweep(cases, "../results/notebook-strategies", seeds=SEEDS, workers=2, force=True)
summaries = {name: [run.summary for run in study.of(name)] for name in NAMES}

# %% [markdown]
# ## At a glance
#
# Means over the seeds. The first two rows tell about the feeder: without management the transformer is overloaded in some
# weeks, and the guard alone ends that. The others tell what the contract costs. Look at `worst_served_share`: the
# share of what he wanted that the worst-served driver got.

# %%
LOOK = [
    "ev_peak_kw", "max_trafo_loading_pct", "violation_minutes", "served_share_finished", "worst_served_share",
    "jain_index", "guard_interventions",
]  # fmt: skip
means = {name: {key: found.mean for key, found in intervals(summaries[name]).items()} for name in NAMES}
pd.DataFrame(means).T[LOOK]

# %% [markdown]
# **1. The transformer.** A contract cuts the peak by half, whatever the rule: the curves of the rules hardly differ.

# %%
first = {name: study.of(name)[0] for name in NAMES}
feeder = first["no-management"].topology
transformer = [name for name, is_one in zip(feeder.branches, feeder.is_trafo) if is_one][0]
shown = ["no-management", "guard-only", "first-come-first-served", "least-laxity-first"]
figure, ax = plt.subplots(figsize=(6.5, 3.4))
load_duration(pd.DataFrame({name: first[name].branches.pivot()[transformer] for name in shown}), ax=ax);

# %% [markdown]
# **2. From seed to seed.** A dot is a week with other drivers; the diamond is the mean with its 95 % interval. Rules
# whose dots overlap may still differ: each seed has to be compared with itself.

# %%
found = {name: intervals(summaries[name])["served_share_finished"] for name in RULES}
values = {name: [s["served_share_finished"] for s in summaries[name]] for name in RULES}
figure, ax = plt.subplots(figsize=(6.5, 3.4))
by_seed(values, found, ax=ax, what="Served share, finished visits");

# %% [markdown]
# **3. Paired differences.** Each rule against first come, first served, on the same seed; bootstrap intervals of the
# mean. An interval that does not touch zero is a difference that other drivers would show as well.

# %%
base = summaries["first-come-first-served"]
others = [rule for rule in RULES if rule != "first-come-first-served"]
paired = {rule: paired_differences(base, summaries[rule]) for rule in others}
PANELS = {"unserved_kwh": "Energy missing (kWh)", "worst_served_share": "Worst-served driver", "jain_index": "Jain's index"}
figure, axes = plt.subplots(1, 3, figsize=(9.5, 2.6), sharey=True, layout="constrained")
for ax, (key, title) in zip(axes, PANELS.items()):
    for k, rule in enumerate(others):
        gain = paired[rule][key]
        ax.hlines(k, gain.low, gain.high, color=f"C{k}")
        ax.plot(gain.mean, k, "D", color=f"C{k}")
    ax.axvline(0, color="0.4", linewidth=0.8)
    ax.set(title=title, xlabel="difference")
axes[0].set_yticks(range(len(others)), others);

# %% [markdown]
# **4. Who pays?** Every session of all seeds, from the worst served to the best. Look at the left end: who comes late under first
# come, first served may get nothing; with deadlines hardly anybody misses anything.

# %%
shares = {}
for rule in RULES:
    sessions = pd.concat([run.sessions.to_pandas() for run in study.of(rule)])
    done = sessions[sessions["outcome"] != "open"]
    shares[rule] = (done["delivered_wh"] / done["requested_wh"]).clip(upper=1).reset_index(drop=True)
figure, ax = plt.subplots(figsize=(6.5, 3.4))
served_share(pd.DataFrame(shares), ax=ax)
ax.set_xlim(0, 20);

# %% [markdown]
# ## What it says, and what not
#
# When power is short, what counts is to know who can wait: rules that know departures serve everybody with less than half
# of the peak. They know them here because these drivers say exactly when they leave. Repeat the study with drivers who err
# (`drivers.households.says.departure_error_min=120` among the settings) before you promise it.
# Five seeds are few: the intervals say so.
