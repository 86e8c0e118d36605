"""Why a packet, a handshake, a link or a request was refused: one negative integer each.

Every layer of the core answers with these instead of raising: the remote side's mistakes are
values. Their names and sentences for people are in sentences.py, which a board loads only when
somebody asks. 0 means "nothing wrong".
"""

# What arrived is not what the protocol allows (protocol.md, "Signed packet" and "TCP: handshake,
# then gossip").
BAD_PACKET = -1
PACKET_TOO_LARGE = -2
BAD_SIGNATURE = -3
BAD_MESSAGE = -4
WRONG_VERSION = -5
EXPIRED = -6
IN_THE_FUTURE = -7
WRONG_ADDRESS = -8
REPLAYED = -9
RESPONSE_MISMATCH = -10
KEY_MISMATCH = -11
FRAME_TOO_LARGE = -12

# Who it came from is not whom we want (protocol.md, "Manual peering").
UNKNOWN_KEY = -13
WRONG_DIRECTION = -14
OWN_KEY = -15

# It took too long.
REQUEST_TIMEOUT = -16
RESPONSE_TIMEOUT = -17
CONNECT_TIMEOUT = -18
NAME_TIMEOUT = -19
BODY_TIMEOUT = -20
SILENT = -21
SEND_STUCK = -22

# The network said no.
NAME_NOT_FOUND = -23
CONNECTION_REFUSED = -24
UNREACHABLE = -25
CLOSED_BEFORE_RESPONSE = -26
CLOSED_BY_PEER = -27
CONNECTION_LOST = -28

# We decided it.
REPLACED = -29
REMOVED = -30
ADDRESS_CHANGED = -31
TOO_MANY_HALF_OPEN = -32
CLOCK_NOT_SET = -33
STOPPING = -34
LIST_FULL = -35
OWN_FAULT = -36
CLOSED_BEFORE_REQUEST = -37
NO_NAME_SERVER = -38
