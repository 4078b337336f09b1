"""What `shadowroute policy` says of policy files: is one right, what does it decide, and how do two differ."""
