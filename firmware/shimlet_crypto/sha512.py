"""SHA-512 by the fastest arithmetic that runs here; see the functions themselves."""

from .bigint.sha512 import Sha512 as Sha512
from .bigint.sha512 import sha512 as sha512
from .bigint.sha512 import sha512_into as sha512_into
