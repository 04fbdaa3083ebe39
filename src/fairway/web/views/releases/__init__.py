"""The release desk: releases, packages, what needs what, the plan, rollouts. Refusals come back to where one asked."""
