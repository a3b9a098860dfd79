#!/usr/bin/env bash
# Set up lifront in .venv on Debian 12, Debian 13 or Ubuntu 24.04: PETSc, MPI and the MPI build of
# h5py from the distribution, everything else with pip at the versions of constraints.txt.
#
#   tools/setup.sh [EXTRA]...     extras of setup.cfg: tests pictures sweeps peers
#                                 and `paraview`: pvbatch and a virtual display, apt only
#
# Safe to run again: it returns at once when nothing has changed since the last time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=/usr/bin/python3 # the distribution's; another python3 on PATH cannot load its petsc4py
venv=.venv

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

# python3-h5py: up to Debian 12 the MPI build brings the package's __init__.py itself
packages=(python3-venv python3-petsc4py python3-mpi4py python3-h5py python3-h5py-mpi python3-scipy
    python3-matplotlib openmpi-bin)
extras=()
for extra in "$@"; do
    case $extra in
    tests | sweeps | peers) extras+=("$extra") ;;
    pictures)
        extras+=("$extra")
        packages+=(libegl1 libgl1-mesa-dri libxrender1)
        ;;
    paraview) packages+=(paraview python3-paraview xvfb xauth) ;;
    *) fail "unknown extra '$extra'; known: tests pictures sweeps peers paraview" ;;
    esac
done

# --- packages of the distribution ---------------------------------------------------
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    fail "this script needs apt (Debian 12 or 13, Ubuntu 24.04). Elsewhere get PETSc, petsc4py, mpi4py" \
        "and a parallel h5py from modules, conda-forge or Spack, then 'pip install .';" \
        "see 'On a cluster' in README.md"
fi

installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

missing=()
for package in "${packages[@]}"; do
    installed "$package" || missing+=("$package")
done
if ((${#missing[@]})); then
    root=()
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null ||
            fail "ask an administrator to run: apt-get install --no-install-recommends ${missing[*]}"
        root=(sudo)
    fi
    say "installing ${missing[*]}"
    apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        cat "$log" >&2
        fail "apt-get could not install ${missing[*]}"
    fi
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old, lifront needs 3.11 or later (Debian 12 or 13, Ubuntu 24.04)"

# --- what decides whether there is anything to do -----------------------------------
wanted=$(printf '%s\n' "${extras[@]}" | sort -u | paste -sd, -)
stamp=$venv/lifront-setup
state=$({
    "$python" --version
    dpkg-query -W 'python3-petsc4py-real[0-9]*'
    pwd
    cat setup.cfg pyproject.toml constraints.txt tools/setup.sh
} | sha256sum | cut -d' ' -f1)
done_extras=
if [[ -f $stamp && $(head -n1 "$stamp") == "$state" ]]; then
    done_extras=$(tail -n1 "$stamp")
    missing_extra=
    for extra in "${extras[@]}"; do
        [[ ,$done_extras, == *,$extra,* ]] || missing_extra=$extra
    done
    [[ -n $missing_extra ]] || exit 0
fi
# what was installed before is kept up to date as well
wanted=$(printf '%s\n' "$wanted" "${done_extras:-$(tail -n1 "$stamp" 2>/dev/null || true)}" | tr ',' '\n' |
    sed '/^$/d' | sort -u | paste -sd, -)

# --- the virtual environment --------------------------------------------------------
if [[ ! -x $venv/bin/pip ]] || ! "$venv/bin/python" -c pass 2>/dev/null; then
    say "creating $venv"
    "$python" -m venv --clear --system-site-packages "$venv"
fi

# Debian's petsc4py is below its PETSc prefix; the .pth that comes with it points to a link
# that only the -dev package makes.
petsc=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 'python3-petsc4py-real[0-9]*' |
    sed -n 's/^installed //p' | sort -V | tail -n1)
[[ -n $petsc ]] || fail "no python3-petsc4py-real* package is installed"
folder=$(dpkg -L "$petsc" | grep 'petsc.*/dist-packages$' | head -n1)
[[ -d $folder ]] || fail "$petsc has no dist-packages folder"
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$folder" >"$site/petsc-debian.pth"

# conflicts that pip would report are those of packages of the distribution which lifront does not use
say "installing lifront${wanted:+ with the extras $wanted} into $venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-warn-conflicts -c constraints.txt \
    -e ".${wanted:+[$wanted]}"
"$venv/bin/lifront" env
printf '%s\n%s\n' "$state" "$wanted" >"$stamp"
say "done; 'source $venv/bin/activate' puts lifront on the PATH"
