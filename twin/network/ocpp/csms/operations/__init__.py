"""Everything about a station that is neither charging nor authorisation: firmware, logs, lists, certificates, cost."""
