"""Verbs on deployments and placements, by family.

`requests`: what people ask for · `placements`: what should be there · `progress`: what the story writes as it goes.
"""
