"""Many autopeering cores on one virtual clock, with a network that can be as bad as one likes, and
with attackers. `shimlet simulate` and the tests run it; nothing of a real node does.

What passes between two nodes is bytes; their TCP links are modelled as standing or not. All is
drawn from one seed: the same settings give the same run, in any process.
"""
