#!/bin/sh
# Fetches the Debian packages that the studio plays with and unpacks them side by side: DIR/<package>/usr/share/...
# Nothing is installed by it; the studio also needs the programs of libfluidsynth3 and mma (apt-get install both).
#
#   scripts/studio-assets.sh DIR [PYTHON]
set -eu
dir=${1:?"usage: studio-assets.sh DIR [PYTHON]"}
python=${2:-python3}
packages=$("$python" -c 'from unbraid.data.studio import sources; print(*sources.packages())')
mkdir -p "$dir"
cd "$dir"
for package in $packages; do
    if [ -d "$package/usr" ]; then
        continue
    fi
    apt-get download "$package"
    dpkg -x "$package"_*.deb "$package.partial"
    mv "$package.partial" "$package"
    rm -f "$package"_*.deb
done
for program in fluidsynth mma; do
    command -v "$program" >/dev/null || ldconfig -p | grep -q "lib$program" || echo "note: $program is not installed" >&2
done
