"""What planners and researchers look at: functions that take plain data and `ax`, and return `ax`."""
