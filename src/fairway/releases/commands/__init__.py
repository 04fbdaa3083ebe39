"""Commands on releases, by subject.

`releases`: create, edit, clone, cancel, delete · `packages`: their content · `dependencies`: which package needs which ·
`targets`: distribute, deploy, fall back one package · `approvals`: seal, approve · `rollouts`: the whole release at once ·
`schedule`: rollouts at a later time · `progress`: what workflows and ended deployments record.
"""
