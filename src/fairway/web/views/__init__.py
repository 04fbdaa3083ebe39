"""Pages, one module per room. A view asks who is there, makes one domain call and renders; rules live in the rooms."""
