"""Views, one module per room. A view gets the actor, makes one domain call and renders; rules are in the rooms."""
