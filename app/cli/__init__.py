"""The command line `shadowroute`."""
