#!/usr/bin/env bash
# Unpacks the libraries that sd and its tests are built with, other than libtorch, into the ignored
# folder .deps/sysroot. tools/gpu_test.sh builds from there on a machine without Debian's archive.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"
sysroot=$sd_root/.deps/sysroot
# What every machine with a C++ compiler has, in a version that fits its kernel and compiler.
system='^(gcc-|libgcc|libstdc|libc6|libc-dev|libcom-err|libcrypt|libgssapi|libk5|libkey|libkrb|libnsl'
system+='|libssl|libtirpc|linux-libc|rpcsvc|googletest)'

wanted=(pkgconf)
for package in "${sd_packages[@]}" "${sd_test_packages[@]}"; do
  [[ $package == *-dev ]] && wanted+=("$package")
done
mapfile -t packages < <(
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances "${wanted[@]}" | grep '^[a-z]' | sort -u | grep -Ev "$system")
(( ${#packages[@]} >= ${#wanted[@]} )) || fail "apt knows none of ${wanted[*]}: run apt-get update."

downloads=$(mktemp -d)
trap 'rm -rf "$downloads"' EXIT
chmod 777 "$downloads"  # apt downloads as a user of its own
say "Downloading ${packages[*]}"
(cd "$downloads" && apt-get -q download "${packages[@]}" >/dev/null) ||
  fail "apt-get could not download the packages: is there a network?"
rm -rf "$sysroot"
mkdir -p "$sysroot"
for package in "$downloads"/*.deb; do
  dpkg-deb -x "$package" "$sysroot"
done
rm -rf "$sysroot"/usr/share/{doc,man,lintian,bug} "$sysroot"/usr/lib/*/libprotobuf*.a
find "$sysroot" -name '*.a' ! -name 'libg*.a' ! -name 'libbenchmark*.a' -delete

# Links to /lib/… would lead out of the bundle.
find "$sysroot" -type l -lname '/*' | while read -r link; do
  ln -sfr "$sysroot$(readlink "$link")" "$link"
done

# Where Debian keeps its libraries, whatever the other machine's compiler thinks.
libraries=$(dirname "$(find "$sysroot/usr/lib" -name 'libpng.so' -print -quit)")
cat >"$sysroot/pkg-config" <<WRAPPER
#!/bin/sh
here=\$(cd "\$(dirname "\$0")" && pwd)
libraries=\$here/${libraries#"$sysroot/"}
export PKG_CONFIG_SYSROOT_DIR="\$here" LD_LIBRARY_PATH="\$libraries"
export PKG_CONFIG_LIBDIR="\$libraries/pkgconfig:\$here/usr/share/pkgconfig"
exec "\$here/usr/bin/pkgconf" "\$@"
WRAPPER
chmod +x "$sysroot/pkg-config"
say "$(du -sm "$sysroot" | cut -f1) MB in $sysroot"
