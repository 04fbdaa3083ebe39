"""What Git servers (GitHub, GitLab, Gitea, Forgejo, any other) tell by webhook: signatures and payloads."""
