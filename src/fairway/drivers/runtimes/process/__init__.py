"""The embedded default: applications as plain processes of this machine, minded by a tiny supervisor each."""
