"""What the command line does to boards: collect what ships, deploy it, ask a running node.

Everything here takes one argument that says which board: the path of its serial device. Only
`emulator` knows that a board can be virtual.
"""
