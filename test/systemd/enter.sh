#!/bin/sh
# Inside namespaces of its own (main.ts): lays a throw-away copy over the root of this machine, puts the package and its units
# there as docs/deployment.md says, and becomes systemd. Nothing is written to this machine: all of it is in memory.
#   enter.sh SCRATCH PREFIX NODE NATS_SERVER UNITS TRY
set -eu
scratch=$1 prefix=$2 node=$3 nats=$4 units=$5 try=$6
mount --make-rprivate /
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
root=$scratch/root
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
for each in run tmp var/log var/lib/systemd etc/systemd/system; do
  mkdir -p "$root/$each"
  mount -t tmpfs tmpfs "$root/$each"
done
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/systemd"
  mount -t cgroup -o none,name=systemd,xattr cgroup "$root/sys/fs/cgroup/systemd"
fi
ip link set lo up

mkdir -p "$root/opt/quorate" "$root/etc/quorate"
cp -rL "$prefix/lib" "$root/opt/quorate/lib"
cp "$try" "$root/opt/quorate/try.sh"
cp -L "$node" "$root/usr/local/bin/node"
cp -L "$nats" "$root/usr/bin/nats-server"
ln -sf /opt/quorate/lib/node_modules/quorate/dist/packed/quorate.js "$root/usr/bin/quorate"
chroot "$root" useradd --system --home-dir /var/lib/quorate --shell /usr/sbin/nologin quorate
cp "$units/quorate-controller.service" "$units/quorate-router.service" "$root/etc/systemd/system/"
printf 'cluster: boxed\nnats: nats://127.0.0.1:4222\nnode:\n  id: ctrl1\n  dataDir: /var/lib/quorate\n  bootstrap: true\n' \
  >"$root/etc/quorate/quorate.yaml"
printf 'cluster: boxed\nnats: nats://127.0.0.1:4222\nrouter:\n  id: edge-1\n  dataDir: /var/lib/quorate-router\n' \
  >"$root/etc/quorate/router.yaml"
cat >"$root/etc/systemd/system/nats-server.service" <<'UNIT'
[Service]
ExecStart=/usr/bin/nats-server -a 127.0.0.1
UNIT
cat >"$root/etc/systemd/system/boxed.target" <<'UNIT'
[Unit]
Requires=basic.target dbus.socket
Wants=nats-server.service
After=basic.target
AllowIsolate=yes
UNIT
: >"$root/etc/machine-id"
cd "$root"
mkdir old
pivot_root . old
umount -l /old
exec env -i container=lxc PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=boxed.target --log-target=console --show-status=0
