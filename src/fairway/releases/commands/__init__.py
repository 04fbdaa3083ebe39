"""Verbs on releases, by family.

`releases`: create, edit, clone, cancel, delete · `packages`: what is in them · `dependencies`: who needs whom · `targets`:
distribute, deploy, fall back one package · `approvals`: seal, approve · `rollouts`: all of a release at once · `schedule`:
later · `progress`: what workflows and ended deployments write.
"""
