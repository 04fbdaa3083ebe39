"""A hostile application: it is told what there is to attack (POST, JSON) and tells what it reached.

Every answer is a list of what succeeded, so that a wall that stands answers with empty lists only.
"""

import ctypes
import glob
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

LIBC = ctypes.CDLL(None, use_errno=True)


def tried(act, *arguments, **options):
    """What an attack brought, or None when it failed."""
    try:
        return act(*arguments, **options)
    except Exception:
        return None


def succeeded(act, things):
    return [thing for thing in things if tried(act, thing)]


def read(place):
    with open(place, "rb") as file:
        return bool(file.read(200)) or True


def write(place):
    with open(place, "r+b"):
        return True


def listing(place):
    return os.listdir(place) is not None


def make_beside(place):
    made = os.path.join(place, "made-by-the-attacker")
    os.close(os.open(made, os.O_CREAT | os.O_WRONLY))
    return True


def change_mode(place):
    os.chmod(place, 0o777)
    return True


def remove(place):
    os.rename(place, place + ".gone")
    return True


def link_here(place):
    here = os.path.join(os.getcwd(), "stolen")
    tried(os.unlink, here)
    os.link(place, here)
    return read(here)


def through_others_root(pid_and_place):
    pid, place = pid_and_place
    return read(f"/proc/{pid}/root{place}") or read(f"/proc/{pid}/cwd/{os.path.basename(place)}")


def environment_of(pid):
    return read(f"/proc/{pid}/environ")


def memory_of(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(int(maps.readline().partition("-")[0], 16))
        return bool(memory.read(16))


def descriptors_of(pid):
    return os.listdir(f"/proc/{pid}/fd") is not None


def trace(pid):
    attached = LIBC.ptrace(16, pid, None, None) == 0
    if attached:
        os.waitpid(pid, 0x40000000)
        LIBC.ptrace(17, pid, None, None)
    return attached


def end(pid):
    os.kill(pid, 0)
    return True


def limit(pid):
    import resource

    now = resource.prlimit(pid, resource.RLIMIT_CORE)
    resource.prlimit(pid, resource.RLIMIT_CORE, now)
    return True


def ask_port(port):
    for host in ("127.0.0.1", "localhost", socket.gethostbyname(socket.gethostname())):
        if tried(lambda host=host: socket.create_connection((host, port), 3).close() or True):
            return True
    return False


def take_port(port):
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        return True


def ask_socket(place):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(3)
        client.connect(place)
        return True


def found_anywhere(word):
    """Names of the files with this content that can be found at all, wherever they may hide."""
    hits = []
    for top in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/root", "/home", "/proc/1/root/tmp"):
        for folder, _, files in os.walk(top):
            hits += [
                os.path.join(folder, name) for name in files if tried(contains, os.path.join(folder, name), word.encode())
            ]
    own = (os.getcwd(), os.environ.get("HOME", "-"), *(v for k, v in os.environ.items() if k.startswith("VOLUME_")))
    return [hit for hit in hits if not hit.startswith(own)]


def contains(place, word):
    with open(place, "rb") as file:
        return word in file.read(100_000)


def fields_of(place):
    with open(place) as file:
        return file.read().rpartition(")")[2].split()


def become_root():
    tried(os.setuid, 0)
    return (
        os.geteuid() == 0
        or tried(subprocess.check_output, ["su", "-c", "id"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        is not None
    )


def unmount(place):
    return LIBC.umount2(place.encode(), 2) == 0


def attack(targets):
    get = lambda name: targets.get(name, [])  # noqa: E731
    return {
        "read": succeeded(read, get("files")),
        "written": succeeded(write, get("files")),
        "linked": succeeded(link_here, get("files")),
        "listed": succeeded(listing, get("folders")),
        "made": succeeded(make_beside, get("folders")),
        "mode": succeeded(change_mode, [*get("folders"), *get("files")]),
        "renamed": succeeded(remove, get("files")),
        "through root": [
            pair
            for pair in ([pid, place] for pid in get("pids") for place in get("files"))
            if tried(through_others_root, pair)
        ],
        "environment": succeeded(environment_of, get("pids")),
        "memory": succeeded(memory_of, get("pids")),
        "descriptors": succeeded(descriptors_of, get("pids")),
        "traced": succeeded(trace, get("pids")),
        "signalled": succeeded(end, get("pids")),
        "limited": succeeded(limit, get("pids")),
        "asked": succeeded(ask_port, get("ports")),
        "taken": succeeded(take_port, get("ports")),
        "sockets": succeeded(ask_socket, get("sockets")),
        "unmounted": succeeded(unmount, [*get("folders"), "/tmp", "/run", "/proc"]),
        "found": [hit for word in get("words") for hit in found_anywhere(word)],
        "environ of all": [
            place
            for place in glob.glob("/proc/[0-9]*/environ")
            if int(place.split("/")[2]) not in family() and tried(read, place)
        ],
        "is root": [True] if become_root() else [],
        "environment of its own": sorted(name for name in os.environ if name in get("variables")),
    }


def family():
    """Our own process and what we started; the others are not ours to read."""
    own = {os.getpid(), os.getppid()} - {os.getppid()}
    for place in glob.glob("/proc/[0-9]*/stat"):
        fields = tried(fields_of, place)
        if fields and int(fields[3]) == os.getsid(0):
            own.add(int(place.split("/")[2]))
    return own


def work(targets):
    """What every application may do: all of it must be True."""
    import multiprocessing

    own = tempfile.mkdtemp()
    volume = next((value for name, value in os.environ.items() if name.startswith("VOLUME_")), os.environ["HOME"])
    with open(os.path.join(volume, "kept"), "a") as file:
        file.write("x")
    open("beside-the-code", "w").close()
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return {
        "home": os.access(os.environ["HOME"], os.W_OK),
        "temporary": os.path.isdir(own),
        "/tmp": tried(lambda: open("/tmp/of-my-own", "w").close() or True),
        "kept": os.path.getsize(os.path.join(volume, "kept")),
        "child": subprocess.check_output([sys.executable, "-c", "print(1+1)"]).strip() == b"2",
        "shell": subprocess.check_output(["ls", "/usr/bin"]) != b"",
        "processes": multiprocessing.Pool(2).map(len, ["ab", "c"]) == [2, 1],
        "own port of the moment": tried(ask_port, server.getsockname()[1]),
        "network": all(urllib.request.urlopen(url, timeout=20).status == 200 for url in targets.get("urls", [])),
        "names": bool(socket.getaddrinfo("localhost", 80)),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "signal to a child": signal_child(),
        "limits of its own": tried(own_limits),
    }


def own_limits():
    import resource

    now = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, now)
    return resource.prlimit(0, resource.RLIMIT_CORE, now) is not None


def signal_child():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child.send_signal(signal.SIGTERM)
    return child.wait() == -signal.SIGTERM


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"ready": True})

    def do_POST(self):
        targets = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        act = work if self.path == "/work" else attack
        try:
            self.answer(act(targets))
        except Exception as error:
            self.answer({"error": f"{type(error).__name__}: {error}"})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
