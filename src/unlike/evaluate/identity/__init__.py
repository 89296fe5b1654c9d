"""The identity test: does a difference recognise the user it was made from?"""
