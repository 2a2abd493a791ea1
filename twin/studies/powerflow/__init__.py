"""`twin powerflow`: one instant or a series of a feeder, solved and judged; see `twin.studies.power_flow`."""
