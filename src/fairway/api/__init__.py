from ninja import Schema

# Validators are made when an operation is first used, or described: making all four hundred would be a fifth of every start.
Schema.model_config["defer_build"] = True
