"""Commands on deployments and placements.

`requests`: what people ask for · `placements`: what should run · `progress`: what the workflow records while it runs.
"""
