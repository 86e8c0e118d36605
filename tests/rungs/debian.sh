# Debian's packages without root, for get_rung2, get_source and get_frozen, which source this.
#
# apt gets its own sources, state and architecture, so that it neither sees nor changes what this machine has installed.
# In: a folder for all that, made anew but for the lists, and what to get. Out: packages unpacked in a folder.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# needs COMMAND PACKAGE
needs() {
    command -v "$1" >/dev/null || { echo "This rung needs $1 (Debian and Ubuntu: the package $2)." >&2; exit 1; }
}

# debian_mirror: where Debian's packages come from: $DEBIAN_MIRROR, or what this machine's own apt uses.
debian_mirror() {
    mirror=${DEBIAN_MIRROR:-$(grep -rhoE 'https?://[^ ]+/debian/*( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1)}
    [ -n "$mirror" ] || { echo "This rung needs a mirror of Debian: name its URL by DEBIAN_MIRROR=." >&2; exit 1; }
    echo $mirror
}

# own_apt FOLDER ARCH KIND...: an apt for what Debian has for ARCH; each KIND is deb or deb-src.
own_apt() {
    apt_here=$1/apt
    apt_arch=$2
    shift 2
    needs apt-get apt
    needs dpkg dpkg
    [ -e "$keyring" ] || { echo "This rung needs $keyring (the package debian-archive-keyring)." >&2; exit 1; }
    mkdir -p "$apt_here/state/lists/partial" "$apt_here/cache/archives/partial"
    : >"$apt_here/status"
    mirror=$(debian_mirror) || exit 1
    printf "%s [signed-by=$keyring] $mirror trixie main\n" "$@" >"$apt_here/sources.list"
    cat >"$apt_here/apt.conf" <<EOF
Dir::Etc::sourcelist "$apt_here/sources.list";
Dir::Etc::sourceparts "-";
Dir::State "$apt_here/state";
Dir::State::status "$apt_here/status";
Dir::Cache "$apt_here/cache";
APT::Architecture "$apt_arch";
APT::Architectures { "$apt_arch"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
EOF
    apt-get -c "$apt_here/apt.conf" update -qq
}

# unpack ROOT PACKAGE...: gets the packages into the working folder and unpacks them below ROOT.
unpack() {
    root=$1
    shift
    apt-get -c "$apt_here/apt.conf" download -qq "$@"
    mkdir -p "$root/usr/lib"
    # Debian's /lib is a link that no package brings.
    ln -s usr/lib "$root/lib"
    for package in "$@"; do
        dpkg -x "${package}"_*.deb "$root"
    done
}
