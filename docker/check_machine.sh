#!/bin/sh
# Prints the Python to build with, or one line that says what this machine lacks and what to install.
#
# Usage: check_machine.sh [PYTHON]
# Without an argument it takes the first of python3, python3.12 and python3.11 that will do.
# Exit status: 0 and the interpreter's path, or 1 and the line, both on standard output.
set -u

supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
version='import sys; print("%d.%d" % sys.version_info[:2])'

named=${1:-}
[ -n "$named" ] || set -- python3 python3.12 python3.11

chosen=
seen=
for candidate in "$@"; do
    # A name on PATH may still not run (a version manager's shim, a broken link): only a run tells.
    found=$("$candidate" -c "$version" 2>/dev/null) || continue
    if "$candidate" -c "$supported" 2>/dev/null; then
        chosen=$(command -v "$candidate")
        break
    fi
    seen="${seen:+$seen, }$candidate is $found"
done

if [ -z "$chosen" ]; then
    if [ -n "$named" ]; then
        echo "Python 3.11 or 3.12 is needed, but ${seen:-PYTHON=$named does not run}:" \
            "name one of them, as in make install PYTHON=/usr/bin/python3"
    elif [ -n "$seen" ]; then
        echo "Python 3.11 or 3.12 is needed, but $seen:" \
            "install one of them and name it, as in make install PYTHON=/path/to/python3.12"
    else
        echo "Python 3.11 or 3.12 is needed and none was found:" \
            "apt-get install python3 python3-dev python3-venv"
    fi
    exit 1
fi

exec "$chosen" - "$chosen" <<'EOF'
import importlib
import os
import sys

chosen = sys.argv[1]


def package_prefix():
    """Debian calls its own version python3; another one's packages carry the whole version."""
    own = os.path.realpath("/usr/bin/python3")
    if os.path.dirname(os.path.realpath(chosen)) == "/usr/bin" and os.path.realpath(chosen) != own:
        return "python%d.%d" % sys.version_info[:2]
    return "python3"


def importable(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def loadable(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


# Some have only a part of Python: Debian's python3-minimal, a build without these libraries.
parts = ("ctypes", "platform", "shlex", "shutil", "ssl", "sysconfig", "zlib")
broken = [name for name in parts if not importable(name)]
if broken:
    if os.path.dirname(os.path.realpath(chosen)) == "/usr/bin":
        cure = "apt-get install %s" % package_prefix()
    else:
        cure = "name another Python, as in make install PYTHON=/usr/bin/python3"
    print("%s cannot import %s: %s" % (chosen, ", ".join(broken), cure))
    sys.exit(1)

import ctypes
import platform
import shlex
import shutil
import sysconfig

if sys.platform != "linux" or platform.machine() != "x86_64":
    print(
        "Linux on x86_64 is needed, this is %s on %s: MXNet 1.9.1 was released for no other; "
        "use such a machine, or a container for linux/amd64" % (platform.system(), platform.machine())
    )
    sys.exit(1)

lacks = []  # what is missing, and the Debian package that has it
compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
if not shutil.which(compiler):
    lacks.append(("a C compiler (%s)" % compiler, "gcc"))
headers = sysconfig.get_path("include")
if not os.path.isfile(os.path.join(headers, "Python.h")):
    lacks.append(("Python's headers (%s/Python.h)" % headers, package_prefix() + "-dev"))
if not (importable("venv") and importable("ensurepip")):
    lacks.append(("Python's venv and ensurepip modules", package_prefix() + "-venv"))
for library, package in (("libgomp.so.1", "libgomp1"), ("libquadmath.so.0", "libquadmath0")):
    if not loadable(library):
        lacks.append((library, package))
if lacks:
    print(
        "this machine lacks %s: apt-get install %s"
        % (", ".join(what for what, _ in lacks), " ".join(package for _, package in lacks))
    )
    sys.exit(1)
print(chosen)
EOF
