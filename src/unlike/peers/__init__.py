"""With whom a user is compared: the selection R_n of DPL's equation 4 and its ablations; the most similar user."""
