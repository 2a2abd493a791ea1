"""The feeder: nets of pandapower, their base load over time, and power flow behind the `Grid` port.

Importing this package is cheap; pandapower, simbench and numba are loaded by the modules that need them.
"""
