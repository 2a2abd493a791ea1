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
# # A first run
#
# A street of 99 households, each with an 11 kW charger, on a rural feeder of SimBench: one winter week.
# Load the scenario, run it, look at the transformer, then add load management and look again.
#
# A scenario is a checked, frozen object. If something is wrong with the file, `load` names every problem with its line.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import twin
from twin.report.figures.power import load_duration, power_over_time

plt.style.use("twin.report.twin")
pd.set_option("display.precision", 2)

street = twin.load("../scenarios/10-street.yaml")
print(street.description)
print(f"{street.days:g} days from {street.start:%A, %d %B %Y}, seed {street.seed}, strategy {street.strategy.name}")

# %% [markdown]
# ## Run
#
# A week takes seconds; the first run of a session takes longer, because the feeder is read and code is compiled.
# The result is a folder of tables, which `twin.open_run` opens again.

# %%
run = twin.run(street, out="../results/notebook-street", force=True)
run

# %% [markdown]
# ## Look
#
# Start with the key figures. `violation_minutes` is the time with at least one element outside its limit.

# %%
KEYS = [
    "sessions", "energy_delivered_kwh", "served_share", "ev_peak_kw", "coincidence_factor", "peak_kw",
    "violation_minutes", "max_trafo_loading_pct", "max_line_loading_pct", "min_vm_pu", "revenue",
]  # fmt: skip
pd.Series(run.summary)[KEYS].to_frame("10-street")

# %% [markdown]
# **When is it tight?** Base load and charging add up in the evening. Look where the line crosses the red one.

# %%
ticks = run.ticks.to_pandas()
power = pd.DataFrame({
    "base_kw": ticks["base_w"], "ev_kw": ticks["ev_grid_w"], "pv_kw": ticks["pv_w"], "head_kw": ticks["slack_w"],
}).set_index(run.times(ticks["t_s"])) / 1_000  # fmt: skip
figure, ax = plt.subplots(figsize=(9, 3.2))
power_over_time(power, ax=ax, zone=run.zone, rating_kva=run.topology.head_va_rating / 1_000);

# %% [markdown]
# **Who is behind it?** Each violation names its element, its minutes, and the sessions that drew the most. Like every
# table, this one is read when it is asked for; `run.violations` alone explains its columns.

# %%
violations = run.violations.to_pandas()
violations["from"] = run.times(violations["start_s"]).strftime("%a %H:%M")
violations["minutes"] = (violations["end_s"] - violations["start_s"]) / 60
violations[["element", "kind", "from", "minutes", "worst", "limit", "sessions"]]

# %% [markdown]
# ## Change one thing
#
# `11-street-managed` is the same street with the same drivers, arrivals and energies. Only the management differs: cars
# that can wait do, and a guard solves the feeder before every decision.

# %%
managed = twin.run(twin.load("../scenarios/11-street-managed.yaml"), out="../results/notebook-managed", force=True)
both = {"10-street": run, "11-street-managed": managed}
pd.DataFrame({name: pd.Series(each.summary)[KEYS] for name, each in both.items()})

# %% [markdown]
# **How often is the transformer full?** The 5 % of the week with the highest loading: management cuts the peak and lets the
# rest as it was.

# %%
transformer = [name for name, is_one in zip(run.topology.branches, run.topology.is_trafo) if is_one][0]
figure, ax = plt.subplots(figsize=(6, 3.2))
load_duration(pd.DataFrame({name: each.branches.pivot()[transformer] for name, each in both.items()}), ax=ax)
ax.set_xlim(0, 5);

# %% [markdown]
# ## Hand it on
#
# One self-contained page per run, and one that puts both beside each other. The second notebook compares strategies.

# %%
print(twin.write_report(managed))
print(twin.compare([run, managed], "../results/notebook-comparison.html"))
