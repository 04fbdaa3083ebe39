"""What stands between somebody else's code and everything of this machine that is not its business."""
