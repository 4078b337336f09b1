"""`shadowroute policy` on policy files: checks, decisions and differences."""
