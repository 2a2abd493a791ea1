"""The command line: `twin COMMAND`."""
