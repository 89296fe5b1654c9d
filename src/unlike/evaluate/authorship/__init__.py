"""Authorship: does a text sound like this user? Verifiers that know neither the method nor the users they are tested on."""
