"""The release desk: releases, packages, dependencies, plan, rollouts. Errors are shown on the page of the form."""
