"""How soon a taskiq client has an outcome, through resultd and through taskiq-redis."""
