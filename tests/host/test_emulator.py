"""The virtual board behaves as a board does: files, resets, interrupts, and ends of all kinds."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from mpremote.transport_serial import SerialTransport
from shimlet_host.board.emulator import BoardStartError, VirtualBoard
from shimlet_host.board.line import BoardLine, LineError

BANNER = b"raw REPL; CTRL-B to exit\r\n>"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualBoard]:
    with VirtualBoard(tmp_path / "flash.img") as running:
        yield running


def mpremote(device: str, *commands: str) -> str:
    """What the tool of every MicroPython user does with a board."""
    command = [sys.executable, "-m", "mpremote", "connect", device, *commands]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(device: str, name: str, text: str) -> None:
    mpremote(device, "exec", f"with open({name!r}, 'w') as f:\n f.write({text!r})")


def opened(board: VirtualBoard) -> serial.Serial:
    return serial.Serial(board.device, timeout=30, exclusive=True)


def until(line: serial.Serial, end: bytes) -> bytes:
    data = bytes(line.read_until(end))
    assert data.endswith(end), data
    return data


def execute(line: serial.Serial, code: str) -> bytes:
    """Run code in the raw REPL that the line is in; its output and its error."""
    line.write(code.encode() + b"\x04")
    until(line, b"OK")
    return until(line, b"\x04") + until(line, b"\x04>")


def interrupt(line: serial.Serial) -> None:
    """Stop the program and enter the raw REPL, as mpremote does."""
    line.write(b"\r\x03\r\x01")
    until(line, BANNER)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_files_survive_a_pulled_plug(tmp_path: Path) -> None:
    board = VirtualBoard(tmp_path / "flash.img")
    board.start()
    put(board.device, "kept.txt", "still here")
    board.kill()
    board.start()
    assert mpremote(board.device, "fs", "cat", ":kept.txt") == "still here"
    board.kill()


def test_the_path_of_a_board_that_is_off_leads_to_no_other_terminal(tmp_path: Path) -> None:
    with VirtualBoard(tmp_path / "flash.img") as board:
        gone = [board.device]
        board.kill()
        board.start()
        gone.append(board.device)
        board.stop()
        fresh = [os.openpty() for _ in range(6)]
        assert not {os.ttyname(slave) for _, slave in fresh} & set(gone)
        assert not any(Path(path).exists() for path in gone)
    for terminals in fresh:
        for terminal in terminals:
            os.close(terminal)


def test_who_comes_to_the_inner_terminal_by_an_old_path_takes_nothing(board: VirtualBoard) -> None:
    (interpreter,) = children(board.pid)
    inner = os.readlink(f"/proc/{interpreter}/fd/0")
    assert inner.startswith("/dev/pts/")
    with pytest.raises(LineError, match="in use by another program"):
        BoardLine(inner)


def test_boot_and_main_run_at_start_and_leave_their_names_to_the_repl(board: VirtualBoard) -> None:
    put(board.device, "boot.py", "order = ['boot']")
    put(board.device, "main.py", "order.append('main')\nassert __name__ == '__main__'")
    with opened(board) as line:
        interrupt(line)
        execute(line, "import machine")
        line.write(b"machine.reset()\x04")
        until(line, b">>> ")
        interrupt(line)
        assert b"['boot', 'main']" in execute(line, "print(order)")


def test_main_does_not_run_when_boot_fails(board: VirtualBoard) -> None:
    put(board.device, "boot.py", "raise ValueError('boot')")
    put(board.device, "main.py", "print('never')")
    with opened(board) as line:
        line.write(b"\x02\x04")
        until(line, b"soft reboot\r\n")
        said = until(line, b">>> ")
        assert b"ValueError: boot" in said and b"never" not in said


def test_interrupt_stops_main_and_gives_the_repl_with_its_names(board: VirtualBoard) -> None:
    put(board.device, "main.py", "count = 7\nprint('runs')\nwhile True: pass")
    with opened(board) as line:
        line.write(b"\x02\x04")
        until(line, b"runs\n")
        line.write(b"\x03\x03")
        assert b"KeyboardInterrupt" in until(line, b">>> ")
        line.write(b"count\r")
        assert b"7" in until(line, b">>> ")


def test_soft_reset_of_the_friendly_repl_runs_main_again(board: VirtualBoard) -> None:
    put(board.device, "main.py", "import machine\nprint('cause', machine.reset_cause())")
    with opened(board) as line:
        line.write(b"\r\x02\x04")
        assert b"MPY: soft reboot\r\n" in until(line, b"cause 5\n")
        line.write(b"kept = 1\r\x04")
        until(line, b"cause 5\n")
        line.write(b"kept\r")
        assert b"NameError" in until(line, b"isn't defined\n")


def test_soft_reset_of_the_raw_repl_comes_back_to_it_without_main(board: VirtualBoard) -> None:
    put(board.device, "main.py", "print('never in raw mode')")
    with opened(board) as line:
        interrupt(line)
        line.write(b"\x04")
        assert b"never" not in until(line, b"soft reboot\r\n") + until(line, BANNER)
        assert b"2" in execute(line, "print(1 + 1)")


def test_hard_reset_runs_no_finally_and_starts_main(board: VirtualBoard) -> None:
    put(board.device, "main.py", "import machine\nprint('cause', machine.reset_cause())")
    reset = "import machine\ntry:\n machine.reset()\nfinally:\n print('finally')\n"
    with opened(board) as line:
        interrupt(line)
        line.write(reset.encode() + b"\x04")
        assert b"finally" not in until(line, b"cause 2\n")


def test_system_exit_in_a_program_is_a_soft_reset(board: VirtualBoard) -> None:
    with opened(board) as line:
        interrupt(line)
        line.write(b"import machine\nmachine.soft_reset()\x04")
        until(line, b"soft reboot\r\n")
        until(line, BANNER)


def test_interpreter_that_crashes_starts_again(board: VirtualBoard) -> None:
    put(board.device, "main.py", "print('up again')")
    with opened(board) as line:
        interrupt(line)
        os.kill(children(board.pid)[0], signal.SIGSEGV)
        assert b"ended with signal 11" in until(line, b"up again\n")


def test_heap_has_the_size_that_was_asked_for(tmp_path: Path) -> None:
    with VirtualBoard(tmp_path / "flash.img", heap="96k") as board:
        code = "import gc\nprint(gc.mem_free() + gc.mem_alloc())"
        assert 90_000 < int(mpremote(board.device, "exec", code)) <= 96 * 1024


def test_program_that_never_reads_can_still_be_interrupted(board: VirtualBoard) -> None:
    put(board.device, "main.py", "print('runs')\nwhile True: pass")
    with opened(board) as line:
        line.write(b"\x02\x04")
        until(line, b"runs\n")
        line.write(b"x" * 200_000)
        interrupt(line)
        assert b"5" in execute(line, "print(5)")


def prints_then_calls(lines: int, port: int) -> str:
    """A program that prints 12 bytes a line and then dials the host."""
    dial = f"socket.getaddrinfo('127.0.0.1', {port})[0][-1]"
    return (
        f"import socket\nfor i in range({lines}): print('old output ')\n"
        f"s = socket.socket()\ns.connect({dial})\nwhile True: pass\n"
    )


def test_code_that_came_by_raw_paste_can_be_interrupted(board: VirtualBoard) -> None:
    transport = SerialTransport(board.device, timeout=30)
    transport.enter_raw_repl()
    transport.exec_raw_no_follow("import time\nprint('begun')\nwhile True:\n    time.sleep(60)")
    assert transport.use_raw_paste and transport.serial.read(6) == b"begun\n"
    transport.close()
    with opened(board) as line:
        interrupt(line)
        assert execute(line, "print(6 * 7)").startswith(b"42")


def test_output_without_a_client_does_not_stop_the_board(board: VirtualBoard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        put(board.device, "main.py", prints_then_calls(30_000, server.getsockname()[1]))
        mpremote(board.device, "resume", "reset")
        server.accept()[0].close()


def test_client_that_does_not_read_stops_the_board_for_a_second_at_most(
    board: VirtualBoard,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, opened(board) as line:
        server.settimeout(5)
        interrupt(line)
        line.write(prints_then_calls(60_000, server.getsockname()[1]).encode() + b"\x04")
        server.accept()[0].close()


def test_client_sees_nothing_of_what_the_last_one_left_unread(board: VirtualBoard) -> None:
    with opened(board) as line:
        interrupt(line)
        line.write(b"print('stale ' * 1000)\x04")
        select.select([line], [], [], 5)
    time.sleep(1)  # the hang-up is noticed within a tick of 0.02 s, on a busy machine later
    with opened(board) as line:
        line.write(b"\r\x03\r\x01")
        assert b"stale" not in until(line, BANNER)


def test_image_mounts_after_a_kill_at_any_moment_of_writing(tmp_path: Path) -> None:
    board = VirtualBoard(tmp_path / "flash.img")
    board.start()
    code = "n = 0\nwhile True:\n n += 1\n with open('new', 'w') as f:\n  f.write(str(n) * 900)\n"
    code += " os.rename('new', 'file')\n if n == 1:\n  print('go')"  # from here on it is there
    put(board.device, "main.py", "import os\n" + code)
    for round_ in range(8):
        with opened(board) as line:
            line.write(b"\r\x03\x02\x04")
            until(line, b"go\n")
            time.sleep(0.02 + 0.013 * round_)
            board.kill()
        board.start()
        with opened(board) as line:
            interrupt(line)
            whole = "t = open('file').read()\nprint(t == t[:len(t) // 900] * 900, len(t) > 0)"
            assert b"True True" in execute(line, whole)
    board.kill()


def gone(pid: int) -> bool:
    """Whether a process ended; nobody may have fetched its status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_interpreter_ends_with_the_emulator(board: VirtualBoard, how: signal.Signals) -> None:
    (interpreter,) = children(board.pid)
    os.kill(board.pid, how)
    deadline = time.monotonic() + 30
    while not gone(interpreter):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_orderly_end_has_status_0_and_takes_the_link_away(tmp_path: Path) -> None:
    link = tmp_path / "board"
    board = VirtualBoard(tmp_path / "flash.img", link=link)
    board.start()
    assert os.readlink(link) == board.device
    assert mpremote(str(link), "exec", "print(3)").strip() == "3"
    assert board.stop() == 0
    assert not link.is_symlink()


def test_link_of_a_killed_board_leads_to_the_next_one(tmp_path: Path) -> None:
    link = tmp_path / "board"
    board = VirtualBoard(tmp_path / "flash.img", link=link)
    board.start()
    board.kill()
    board.start()
    assert os.readlink(link) == board.device
    board.stop()


def test_second_board_on_the_same_image_is_refused(board: VirtualBoard, tmp_path: Path) -> None:
    with pytest.raises(BoardStartError, match=r"Another virtual board runs from .*flash\.img"):
        VirtualBoard(tmp_path / "flash.img").start()


def test_image_that_does_not_mount_is_left_as_it_is(tmp_path: Path) -> None:
    image = tmp_path / "flash.img"
    image.write_bytes(b"precious" * 8192)
    with VirtualBoard(image) as board, opened(board) as line:
        line.write(b"\x02\x04")
        until(line, b"soft reboot\r\n")
        assert b"no file system that can be mounted" in until(line, b">>> ")
    assert image.read_bytes() == b"precious" * 8192


def test_interpreter_that_is_none_is_named(tmp_path: Path) -> None:
    for program, sentence in (("/nowhere/mp", "no program /nowhere/mp"), ("/bin/false", "false")):
        with pytest.raises(BoardStartError, match=sentence):
            VirtualBoard(tmp_path / "flash.img", micropython=program).start()
    assert list(tmp_path.iterdir()) == []


def test_board_reaches_the_sockets_of_the_host(board: VirtualBoard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        port = server.getsockname()[1]
        code = f"import socket\ns = socket.socket()\na = socket.getaddrinfo('127.0.0.1', {port})"
        mpremote(board.device, "exec", code + "[0][-1]\ns.connect(a)\ns.send(b'hello')")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(5) == b"hello"


def test_mip_installs_a_local_package(board: VirtualBoard, tmp_path: Path) -> None:
    (tmp_path / "greet.py").write_text("WORD = 'good day'\n")
    package = tmp_path / "package.json"
    package.write_text('{"urls": [["greet.py", "greet.py"]], "version": "1"}')
    mpremote(board.device, "mip", "install", str(package))
    assert mpremote(board.device, "exec", "import greet; print(greet.WORD)").strip() == "good day"


CAUSE = "import machine\nprint('cause', machine.reset_cause())"


def test_watchdog_that_nobody_feeds_resets_the_board_even_after_a_soft_reset(
    board: VirtualBoard,
) -> None:
    put(board.device, "main.py", CAUSE)
    with opened(board) as line:
        interrupt(line)
        execute(line, "import machine\nmachine.WDT(timeout=700)")
        line.write(b"\x04")
        until(line, BANNER)
        until(line, b"cause 3\n")


def test_timer_feeds_the_watchdog_while_the_repl_waits_for_a_key(board: VirtualBoard) -> None:
    put(board.device, "main.py", CAUSE)
    with opened(board) as line:
        interrupt(line)
        execute(line, "import machine\ndog = machine.WDT(timeout=700)\ntimer = machine.Timer(-1)")
        execute(line, "timer.init(period=100, callback=lambda timer: dog.feed())")
        time.sleep(1.5)
        assert b"still here" in execute(line, "print('still here')")
        line.write(b"timer.deinit()\x04")
        until(line, b"cause 3\n")


def test_watchdog_refuses_what_a_small_chip_refuses(board: VirtualBoard) -> None:
    with opened(board) as line:
        interrupt(line)
        refused = execute(line, "import machine\nmachine.WDT(timeout=8389)")
        assert b"ValueError: timeout exceeds 8388" in refused


def test_changes_of_a_pin_are_written_to_a_file(tmp_path: Path) -> None:
    pins = tmp_path / "pins"
    with VirtualBoard(tmp_path / "flash.img", pins=pins) as board, opened(board) as line:
        interrupt(line)
        execute(line, "import machine\npin = machine.Pin('LED', machine.Pin.OUT, value=1)")
        assert b"1" in execute(line, "print(pin.value())")
        execute(line, "pin.off()\nmachine.Pin(25, machine.Pin.OUT)(1)")
        deadline = time.monotonic() + 30
        while not pins.exists() or len(pins.read_text().splitlines()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert [line.split()[1:] for line in pins.read_text().splitlines()] == [
        ["LED", "1"], ["LED", "0"], ["25", "1"],
    ]  # fmt: skip


def test_the_board_says_its_device_link_and_image_as_json(tmp_path: Path) -> None:
    image, link = tmp_path / "flash.img", tmp_path / "board.tty"
    command = [sys.executable, "-m", "shimlet_host", "board", "sim", "--json"]
    command += ["--image", str(image), "--link", str(link)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert said["link"] == str(link) and said["image"] == str(image)
    assert said["device"].startswith("/dev/")
