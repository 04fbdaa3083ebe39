"""Verbs on deployments and placements, by family.

`requests`: what people ask for · `placements`: what should be there · `progress`: what the workflow writes as it goes.
"""
